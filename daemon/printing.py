"""What `instrd run` prints and logs, which no reader of it can hold up.

A terminal may be stopped (^S) for days, a pipe may have no reader left, a disk may be full. So it
all goes through threads that may wait for such, as nobody waits for them.
"""

import errno
import io
import logging
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from instrd.daemon.signals import StopWish

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger(__name__)

NOBODY_READS: Final = "standard output was closed"
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operating system says of a disk that takes no more."""
MOST_HELD: Final = 1 << 20
"""Bytes that may wait for their reader, ten thousand lines; the oldest make room for the newest."""
LOOK_S: Final = 0.1
LAST_WORDS_S: Final = 0.75
"""So long may each reader keep us once somebody wishes us to stop."""


class Printer(io.BufferedIOBase):
    """Takes lines without waiting, and writes them to an open file from a thread of its own."""

    def __init__(self, descriptor: int, name: str, wish: StopWish | None = None) -> None:
        """With a `wish` it is asked to stop where nobody reads any more."""
        super().__init__()
        self.name = name
        self._descriptor = descriptor
        self._wish = wish
        self._waiting: deque[bytes] = deque()
        self._held = 0
        self._lost = 0
        """Lines since the last time that nothing waited."""
        self._ending = self._at_work = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name=name, daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, line: "ReadableBuffer", /) -> int:
        with self._news:
            self._waiting.append(bytes(line))
            self._held += len(self._waiting[-1])
            while self._held > MOST_HELD:
                self._take()
                self._lost += 1
            self._news.notify_all()
        return memoryview(line).nbytes

    def settle(self) -> None:
        """Wait until all is written, but no longer than for last words."""
        with self._news:
            self._news.wait_for(lambda: not (self._waiting or self._at_work), LAST_WORDS_S)

    def finish(self, wish: StopWish) -> None:
        """Wait until all is written or somebody wishes to stop, then only for last words."""
        with self._news:
            self._ending = True
            self._news.notify_all()
        while self._thread.is_alive() and not wish:
            self._thread.join(LOOK_S)
        self._thread.join(LAST_WORDS_S)
        is_stuck = self._thread.is_alive()
        if is_stuck:
            discard(self._descriptor)  # or Python's own last words would be stuck, too
        lost = self._lost + len(self._waiting) + is_stuck
        if lost:
            log.warning("%d line(s) of %s were not written", lost, self.name)

    def _write_all(self) -> None:
        end = b""  # of a line that was torn
        while (line := self._next()) is not None:
            rest = bytearray(end + line)
            try:
                _write(self._descriptor, rest)
            except OSError as error:
                end = b"\n" if len(rest) < len(line) else end
                self._lose(error)
            else:
                end = b""
                self._tell_lost()

    def _next(self) -> bytes | None:
        with self._news:
            self._at_work = False
            self._news.notify_all()
            self._news.wait_for(lambda: self._waiting or self._ending)
            self._at_work = bool(self._waiting)
            return self._take() if self._waiting else None

    def _take(self) -> bytes:
        line = self._waiting.popleft()
        self._held -= len(line)
        return line

    def _lose(self, error: OSError) -> None:
        if self._wish is not None and isinstance(error, BrokenPipeError):
            # The end of a pipeline such as `| head` ends us in order, not in the middle.
            discard(self._descriptor)
            self._wish.ask(NOBODY_READS)
            return
        with self._news:
            self._lost += 1
            is_first = self._lost == 1
        if is_first:
            log.warning("%s cannot be written (%s); going on", self.name, error.strerror)

    def _tell_lost(self) -> None:
        """Tell what was lost once nothing waits: a slow reader would cost a warning a line."""
        with self._news:
            if self._waiting:
                return
            lost, self._lost = self._lost, 0
        if lost:
            log.warning("%s is written again, %d line(s) later", self.name, lost)


@contextmanager
def printing(wish: StopWish) -> Iterator[None]:
    """Let nobody wait who prints or logs; at the end wait for readers, until the wish comes."""
    before = sys.stdout, sys.stderr
    out = _printer(sys.stdout, "standard output", wish)
    # What goes to one place stays in order.
    errors = out if _is_same(*before) else _printer(sys.stderr, "standard error")
    sys.stdout, sys.stderr = _through(out, sys.stdout), _through(errors, sys.stderr)
    try:
        yield
    except BaseException:
        wish.ask("failed")
        raise
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        for printer in dict.fromkeys((out, errors)):
            if printer is not None:
                printer.finish(wish)
        sys.stdout, sys.stderr = before


def settle() -> None:
    """Wait, but not long, until what was printed is written."""
    printer = getattr(sys.stdout, "buffer", None)
    if isinstance(printer, Printer):
        printer.settle()


def complain(text: str) -> None:
    """Say it on standard error if anybody reads that; the exit code counts all the same."""
    if sys.stderr is None:  # print would take standard output in its place
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr.fileno())


def discard(descriptor: int) -> None:
    """Send what is written to an open file from now on nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _printer(stream: TextIO | None, name: str, wish: StopWish | None = None) -> Printer | None:
    """Return none for what is no open file: it was closed, or keeps its text in memory."""
    descriptor = _descriptor(stream)
    return None if descriptor is None else Printer(descriptor, name, wish)


def _through(printer: Printer | None, stream: TextIO) -> TextIO:
    if printer is None:
        return stream
    return io.TextIOWrapper(printer, stream.encoding, stream.errors, line_buffering=True)


def _is_same(one: TextIO | None, other: TextIO | None) -> bool:
    first, second = _descriptor(one), _descriptor(other)
    return first is not None and second is not None and os.path.sameopenfile(first, second)


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None


def _write(descriptor: int, rest: bytearray) -> None:
    """Write it all; what is left is what an error kept from being written."""
    while rest:
        try:
            del rest[: os.write(descriptor, rest)]
        except BlockingIOError:  # whoever shares it has asked for that; this thread may wait
            select.select([], [descriptor], [])
