"""A source whose stream begins once and ends once: files, pipes, test tones."""

from instrd.daemon.sources.source import Item, Opened, Source, Standing


class Unbroken:
    """Says that the source is open and runs before its first block."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._first: list[Item] = [
            Opened(source.rate_hz, source.description),
            Standing("running"),
        ]

    @property
    def description(self) -> str:
        return self._source.description

    def read(self) -> Item | None:
        return self._first.pop(0) if self._first else self._source.read()

    def close(self) -> None:
        self._source.close()
