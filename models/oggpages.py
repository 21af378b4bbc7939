"""Ogg files, page by page: a page that is broken or missing is told before anything is played.

libsndfile leaves such pages out: the Opus decoder then makes up sound for them, and all that
follows in a Vorbis file moves to an earlier time.
"""

import time
import zlib
from typing import Final

from instrd.models.timedfile import LONGEST_S, TimedFile

PAGE: Final = b"OggS"
HEADER_BYTES: Final = 27
FIRST, LAST = 2, 4
REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def damage(file: TimedFile) -> str:
    """Return what is wrong with a file of Ogg pages, empty if nothing is.

    One that ends after a whole page passes: many writers mark no page as the last, so nobody can
    tell whether there has been more. Behind a last page there may be anything.
    """
    began_s = time.thread_time()
    file.seek(0)
    header = file.read(HEADER_BYTES)
    serial, number = header[14:18], 0
    while header.startswith(PAGE):
        with file.call():
            wrong = _wrong(file, header, serial, number)
            after = file.read(HEADER_BYTES)
        if wrong or not after or (header[5] & LAST and not after.startswith(PAGE)):
            return wrong
        if time.thread_time() > began_s + LONGEST_S:
            return f"{number} pages took {LONGEST_S:g} s to check, and there are more"
        header, number = after, number + 1
    return f"cut off or broken after page {number - 1}"


def _wrong(file: TimedFile, header: bytes, serial: bytes, number: int) -> str:
    """Return what is wrong with a page whose header has been read; read the rest of it."""
    sizes = file.read(header[26]) if len(header) == HEADER_BYTES else b""
    body = file.read(sum(sizes))
    if len(header) < HEADER_BYTES or len(sizes) < header[26] or len(body) < sum(sizes):
        return f"cut off within page {number}"
    if header[14:18] != serial or bool(header[5] & FIRST) != (number == 0):
        return "several Ogg streams in it, allowed is one"
    if int.from_bytes(header[18:22], "little") != number:
        return f"page {number} is missing"
    if checksum(header, sizes + body) != header[22:26]:
        return f"page {number} is broken"
    return ""


def checksum(header: bytes, rest: bytes) -> bytes:
    """Return the CRC of a page (RFC 3533), whose own four bytes count as zeros.

    It is zlib's with the bits of each byte the other way round, and neither start nor end inverted.
    """
    page = header[:22] + bytes(4) + header[26:] + rest
    crc = zlib.crc32(page.translate(REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return crc.to_bytes(4, "big").translate(REVERSED)
