"""Whole messages through a pipe: the writer never waits, and the reader never gets half of one.

A frame is the length of what follows, four bytes, and a message in MessagePack.
"""

import os
import selectors
import struct

import msgspec

from instrd.daemon.recording.messages import Said

LENGTH = struct.Struct("<I")
LONGEST = 1 << 20
"""Bytes; a longer frame is none of ours."""
AT_ONCE = 1 << 16


class Outlet:
    """The writing end; takes over `descriptor`."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._rest = b""

    def send(self, said: Said) -> bool:
        """Write a message, and return whether there was room; what is begun will be ended.

        Raises BrokenPipeError where nobody can read any more.
        """
        if not self._flush():
            return False
        body = msgspec.msgpack.encode(said)
        self._rest = LENGTH.pack(len(body)) + body
        self._flush()
        return True

    def _flush(self) -> bool:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
        except BlockingIOError:
            return False
        return True


class Inlet:
    """The reading end; the descriptor stays its owner's."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._bytes = b""
        self._decoder = msgspec.msgpack.Decoder(Said)
        self._readable = selectors.DefaultSelector()
        self._readable.register(descriptor, selectors.EVENT_READ)

    def receive(self, timeout_s: float) -> Said | None:
        """Return the next message, or None after `timeout_s` in which none was completed.

        Raises EOFError where the writer is no more, ValueError for what is no message.
        """
        while (body := self._next_body()) is None:
            if not self._readable.select(timeout_s):
                return None
            more = os.read(self._descriptor, AT_ONCE)
            if not more:
                raise EOFError
            self._bytes += more
        said: Said = self._decoder.decode(body)
        return said

    def close(self) -> None:
        """Let go of what `receive` needs."""
        self._readable.close()

    def _next_body(self) -> bytes | None:
        if len(self._bytes) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._bytes)
        if length > LONGEST:
            raise ValueError(f"got a frame of {length} bytes, allowed up to {LONGEST}")
        end = LENGTH.size + length
        if len(self._bytes) < end:
            return None
        body, self._bytes = self._bytes[LENGTH.size : end], self._bytes[end:]
        return body
