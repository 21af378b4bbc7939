"""What is logged while a picture covers the terminal: kept until the picture is gone."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

log = logging.getLogger(__name__)
NEWS_S: Final = 60
KEPT: Final = 50
"""The newest ones: a picture may be up for months."""


class Withheld(logging.Handler):
    """Keeps the newest records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=KEPT)
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.dropped += len(self.records) == KEPT
        self.records.append(record)

    def newest(self) -> str:
        """Return the newest record as one line, empty if there is none; mere news grow old."""
        oldest_s = time.time() - NEWS_S
        lasting = (
            record
            for record in reversed(tuple(self.records))
            if record.levelno >= logging.WARNING or record.created > oldest_s
        )
        if (record := next(lasting, None)) is None:
            return ""
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        return f"{moment:%H:%M:%S} {record.getMessage()}"


@contextmanager
def withheld(*, covered: bool) -> Iterator[Withheld]:
    """Keep what is logged; where the log is `covered`, it is written only afterwards."""
    root, keeping = logging.getLogger(), Withheld()
    handlers = root.handlers
    root.handlers = [keeping] if covered else [*handlers, keeping]
    try:
        yield keeping
    finally:
        root.handlers = handlers
        if covered:
            _release(keeping)


def _release(keeping: Withheld) -> None:
    if keeping.dropped:
        log.warning("%d messages before these were not kept", keeping.dropped)
    for record in tuple(keeping.records):
        logging.getLogger().handle(record)
