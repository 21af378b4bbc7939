"""A regular file that a decoder reads through, and that has ended once the decoder's time is up.

libsndfile cannot be interrupted and, given a file made for it, goes on for minutes: 64 MiB of
empty mp3 frames or of Ogg page marks take it more than 25 s. In each such loop it keeps asking
for bytes, so it comes back as soon as it gets none.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from instrd.models.errors import AudioFileError

LONGEST_S = 4.0
"""A call of the decoder, for half a second of sound or so, may compute as long as this.

Time of its thread only: on a busy machine or a slow disk a good file is not a broken one.
"""


class TimedFile:
    """The bytes of a regular file; what a decoder needs of a file object, none of it raises."""

    def __init__(self, path: Path, longest_s: float = LONGEST_S) -> None:
        """Raise `AudioFileError` for anything but a regular file or a link to one."""
        self.path = path
        self._longest_s = longest_s
        self._file = _opened(path)
        self._ends_s = time.thread_time() + longest_s
        self._failure = ""

    @contextmanager
    def call(self) -> Iterator[None]:
        """Let the decoder read for a while; raise `AudioFileError` if it was not enough.

        The same goes for an error of the file itself; both come before those of the decoder.
        """
        self._ends_s = time.thread_time() + self._longest_s
        try:
            yield
        finally:
            if self._failure:
                raise AudioFileError(self.path, self._failure)

    def readinto(self, buffer: Any) -> int:
        """Read up to len(buffer) bytes; 0 at the end, of the file or of the time."""
        if time.thread_time() > self._ends_s:
            self._failure = self._failure or (
                f"takes longer than {self._longest_s:g} s to decode a little"
            )
        if self._failure:
            return 0
        try:
            return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]
        except OSError as error:
            self._failure = _told(error)
            return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; where there is none, stay."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def close(self) -> None:
        self._file.close()


def _opened(path: Path) -> BinaryIO:
    # A FIFO would be waited for, a device could be changed by being opened: look before, and
    # again at what was opened, which may be another file by then.
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise AudioFileError(path, "not a regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        file = os.fdopen(descriptor, "rb")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.close()
            raise AudioFileError(path, "not a regular file")
    except OSError as error:
        raise AudioFileError(path, _told(error)) from error
    except ValueError as error:
        raise AudioFileError(path, f"not a path ({error})") from error
    return file


def _told(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
