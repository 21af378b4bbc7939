"""`stdin:`: raw samples from a pipe."""

import fcntl
import os
import select
import stat
import sys
import termios
import time
from threading import Event
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from instrd.daemon.config import Pace
from instrd.daemon.errors import SourceError
from instrd.daemon.sources.source import Block, Source, Standing, block_size
from instrd.daemon.sources.uri import RateHz, SourceUri
from instrd.models.audiofile import LOUDEST, are_sound

STDIN = 0
POLL_S = 0.1
"""How long an idle pipe keeps `close` waiting."""
STALLED_LOOKS = 4
"""After so many looks in a row without a byte that is said. What comes in bursts is held back
until it is due and found here in between; time in which we did not look blames nobody."""


class PipeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bytes mean."""

    rate: RateHz = 48_000
    channels: Annotated[int, Meta(ge=1, le=32)] = 1
    """Interleaved; their mean is taken."""
    format: Literal["s16le", "s32le", "f32le"] = "s16le"


SAMPLE_TYPES = {"s16le": ("<i2", 2.0**-15), "s32le": ("<i4", 2.0**-31), "f32le": ("<f4", 1.0)}
"""Of each format: numpy's name, and what one step is worth."""


def open_stdin(uri: SourceUri, pace: Pace, *, loop: bool) -> Source:
    """Read what is piped in."""
    options = options_of(uri, loop=loop)
    if sys.stdin is None:
        raise SourceError("source stdin: is closed; pipe raw samples into it")
    if os.isatty(STDIN):
        raise SourceError("source stdin: is a terminal; pipe raw samples into it")
    return Pipe(STDIN, options, pace)


def options_of(uri: SourceUri, *, loop: bool) -> PipeOptions:
    """Return what an address says of the bytes; raises `SourceError`."""
    if loop:
        raise SourceError("source stdin: cannot be looped, a pipe comes only once")
    if uri.name:
        raise SourceError(f"source {uri.text}: got {uri.name!r} behind the colon, allowed: nothing")
    return uri.options(PipeOptions)


class Pipe:
    """Reads raw samples from a file descriptor; a cut-off frame at the end is left out."""

    description = "standard input"

    def __init__(self, descriptor: int, options: PipeOptions, pace: Pace) -> None:
        self.rate_hz = options.rate
        self._descriptor = descriptor
        mode = os.fstat(descriptor).st_mode
        self._is_sent = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._format, self._channels = options.format, options.channels
        self._dtype, self._scale = SAMPLE_TYPES[options.format]
        self._frame = np.dtype(self._dtype).itemsize * options.channels
        self._most = block_size(options.rate, pace) * self._frame
        self._rest = b""
        self._looks_in_vain = 0
        self._waited = self._stalled = False
        self._closed = Event()

    def read(self) -> Block | Standing | None:
        while len(self._rest) < self._frame:
            if self._closed.is_set():
                return None
            if not self._look():
                self._looks_in_vain += 1
                self._waited = True
                if self._looks_in_vain >= STALLED_LOOKS and not self._stalled:
                    self._stalled = True
                    return Standing("stalled", f"no bytes for {STALLED_LOOKS * POLL_S:g} s")
            elif more := self._read_bytes():
                self._rest += more
                self._looks_in_vain = 0
            else:
                return None
        if self._stalled:
            self._stalled = False
            return Standing("running")
        whole = len(self._rest) // self._frame * self._frame
        block, self._rest = self._rest[:whole], self._rest[whole:]
        waited, self._waited = self._waited, False
        queued = self._bytes_queued() // self._frame
        return Block(self._decode(block), 0, time.monotonic_ns(), anew=waited, queued=queued)

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], POLL_S)
        return bool(ready)

    def _read_bytes(self) -> bytes:
        try:
            return os.read(self._descriptor, self._most)
        except OSError as error:
            raise SourceError(f"source stdin: cannot be read ({error.strerror})") from error

    def _bytes_queued(self) -> int:
        """Return what has been sent and not been read; a file is not sent, it is there."""
        if not self._is_sent:
            return 0
        count = fcntl.ioctl(self._descriptor, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder)

    def _decode(self, block: bytes) -> NDArray[np.float32]:
        frames = np.frombuffer(block, self._dtype).reshape(-1, self._channels)
        mono: NDArray[np.float32] = frames.mean(axis=1, dtype=np.float64).astype(np.float32)
        mono *= np.float32(self._scale)
        if not are_sound(mono):
            raise SourceError(
                f"source stdin: got samples that are not finite numbers up to {LOUDEST:g}; "
                f"is format={self._format} what is piped in?"
            )
        return mono
