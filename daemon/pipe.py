"""Whole messages through a pipe: the writer never waits, and the reader never gets half of one.

A frame is the length of what follows, four bytes, and a message in MessagePack.
"""

import os
import selectors
import struct
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
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

    def send(self, message: msgspec.Struct) -> bool:
        """Write a message, and return whether there was room; what is begun will be ended.

        Raises BrokenPipeError where nobody can read any more.
        """
        if not self.flush():
            return False
        body = msgspec.msgpack.encode(message)
        self._rest = LENGTH.pack(len(body)) + body
        self.flush()
        return True

    def flush(self) -> bool:
        """Write what is begun, and return whether it is ended."""
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
        except BlockingIOError:
            return False
        return True


class Inlet(Generic[T]):
    """The reading end; the descriptor stays its owner's."""

    def __init__(self, descriptor: int, decoder: msgspec.msgpack.Decoder[T]) -> None:
        self._descriptor = descriptor
        self._bytes = b""
        self._decoder = decoder
        self._readable = selectors.DefaultSelector()
        self._readable.register(descriptor, selectors.EVENT_READ)

    def receive(self, timeout_s: float) -> T | None:
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
        return self._decoder.decode(body)

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
