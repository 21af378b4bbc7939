"""A source whose stream begins once and ends once: files, pipes, test tones."""

from instrd.daemon.sources.source import Item, Opened, Source, Standing


class Unbroken:
    """Says that the source is open and runs before its first block."""

    def __init__(self, source: Source, description: str = "") -> None:
        self._source = source
        self.description = description or source.description
        self._first: list[Item] = [Opened(source.rate_hz, self.description), Standing("running")]

    def read(self) -> Item | None:
        return self._first.pop(0) if self._first else self._source.read()

    def close(self) -> None:
        self._source.close()
