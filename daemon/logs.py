"""What instrd logs: in colours on a terminal, else one whole line a message."""

import logging
import sys

from rich.console import Console
from rich.logging import RichHandler

from instrd.daemon.printing import complain


class _Lines(logging.Handler):
    """Writes to the standard error of the moment, which `printing` replaces."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            complain(self.format(record))
        except (TypeError, ValueError, KeyError):  # a log call gone wrong ends nobody
            self.handleError(record)


def log_to_stderr() -> None:
    """Log to standard error from now on; a file or a journal gets no line folded or padded."""
    if sys.stderr is not None and sys.stderr.isatty():
        shown = RichHandler(console=Console(stderr=True), show_path=False)
        logging.basicConfig(format="%(message)s", handlers=[shown])
    else:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", handlers=[_Lines()])
