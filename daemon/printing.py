"""Lines on standard output, which may be closed, or a file on a disk that is full."""

import errno
import logging
import os
import sys
from typing import Final, TextIO

from instrd.daemon.signals import StopWish

log = logging.getLogger(__name__)

NOBODY_READS: Final = "standard output was closed"
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operating system says of a disk that takes no more."""


class Printing:
    """Prints lines for as long as it can; a full disk ends no daemon."""

    def __init__(self, wish: StopWish) -> None:
        self._wish = wish
        self._lost = 0
        """Lines since one was written; the first of them may still come."""

    def line(self, text: str) -> None:
        """Print a line; where nobody reads any more, wish to stop."""
        if self._wish.reason == NOBODY_READS:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # The end of a pipeline such as `| head` ends us in order, not in the middle.
            discard_output()
            self._wish.ask(NOBODY_READS)
        except OSError as error:
            if not self._lost:
                log.warning("standard output cannot be written (%s); going on", error.strerror)
            self._lost += 1
        else:
            if self._lost:
                log.warning("standard output is written again, %d line(s) later", self._lost)
            self._lost = 0

    def close(self) -> None:
        """Let go of what could not be written, which would fail once more when Python ends."""
        if self._lost:
            log.warning("the last %d line(s) were not written", self._lost)
            discard_output()


def discard_output() -> None:
    """Send what standard output still holds, and all after it, nowhere."""
    _discard(sys.stdout)


def discard_unwritten() -> None:
    """Let go of what a closed terminal did not take.

    Python would try once more when it ends, and end with 120.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            _discard(stream)


def _discard(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
