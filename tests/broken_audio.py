"""More than a hundred audio files that are broken, odd or malicious, each made by code.

The name of each begins with that of the good file in `good_audio` that it was made from.
"""

import io
import struct
from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np
import soundfile
from good_audio import KINDS, RATE_HZ, good_file, melody

from instrd.models.oggpages import checksum

CUTS = {"in its header": 0.0, "a third in": 0.33, "two thirds in": 0.67, "near its end": 0.97}


@cache
def corpus() -> dict[str, bytes]:
    """Name -> content."""
    files = {
        f"{kind} cut off {where}": cut(kind, part) for kind in KINDS for where, part in CUTS.items()
    }
    makers = (
        riff_files,
        sample_files,
        long_size_files,
        aiff_files,
        flac_files,
        ogg_files,
        mp3_files,
    )
    for make in (*makers, other_files):
        files |= dict(make())
    return files


def cut(kind: str, part: float) -> bytes:
    content = good_file(kind)
    return content[: max(21, round(part * len(content)))]


def put(content: bytes, at: int, number: int, width: int, order: str = "little") -> bytes:
    encoded = number.to_bytes(width, "big" if order == "big" else "little")
    return content[:at] + encoded + content[at + width :]


def riff_files() -> Iterator[tuple[str, bytes]]:
    good = good_file("pcm16.wav")
    form, data = good.index(b"fmt "), good.index(b"data")
    fields = {
        "channels": (10, 2),
        "rate": (12, 4),
        "align": (20, 2),
        "bits": (22, 2),
        "tag": (8, 2),
    }
    odd = {
        "channels": (0, 33, 65_535),
        "rate": (0, 1, 999, 384_001, 2**31, 2**32 - 1),
        "align": (0, 65_535),
        "bits": (0, 1, 255),
        "tag": (0, 2, 0x11, 0x31, 0x55, 0xFFFE),
    }
    for name, numbers in odd.items():
        offset, width = fields[name]
        for number in numbers:
            yield f"pcm16.wav {name} {number}", put(good, form + offset, number, width)
    for size in (0, 2**32 - 1, 2**31 - 1, len(good) + 1000, 12_000):
        yield f"pcm16.wav data of {size}", put(good, data + 4, size, 4)
    for size in (0, 2**32 - 1):
        yield f"pcm16.wav RIFF of {size}", put(good, 4, size, 4)
        yield f"pcm16.wav fmt of {size}", put(good, form + 4, size, 4)
    head, body = good[:12], good[12:]
    yield "pcm16.wav without fmt", head + good[data:]
    yield "pcm16.wav without data", good[:data]
    yield "pcm16.wav data before fmt", head + good[data:] + good[12:data]
    yield "pcm16.wav a second fmt", good[:data] + put(good[form:data], 10, 7, 2) + good[data:]
    yield "pcm16.wav behind a chunk that never ends", head + b"junk\xff\xff\xff\xff" + body
    yield "pcm16.wav behind a list of 2 GiB", head + b"LIST\x00\x00\x00\x80" + body
    yield "pcm16.wav behind many empty chunks", head + b"junk\0\0\0\0" * 5000 + body
    yield "pcm16.wav behind an odd chunk", head + b"junk\3\0\0\0abc\0" + body
    yield "pcm16.wav of big-endian name", b"RIFX" + good[4:]


def sample_files() -> Iterator[tuple[str, bytes]]:
    for name, bad in {"nan": np.nan, "infinite": np.inf, "1e30": 1e30, "101": 101.0}.items():
        for kind, subtype in (("float.wav", "FLOAT"), ("double.wav", "DOUBLE")):
            samples = melody().astype(np.float64)
            samples[4000] = bad
            yield f"{kind} with {name}", encoded(samples, "WAV", subtype)
    opposite = np.tile(np.array([[1e30, -1e30]]), (6000, 1))
    yield "float.wav of two channels that cancel", encoded(opposite, "WAV", "FLOAT")
    yield "float.wav whose channels overflow", encoded(np.full((6000, 2), 3e38), "WAV", "FLOAT")
    yield (
        "double.wav above single precision",
        encoded(melody().astype(np.float64) * 1e300, "WAV", "DOUBLE"),
    )


def encoded(samples: np.ndarray, kind: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=kind, subtype=subtype)
    return file.getvalue()


def long_size_files() -> Iterator[tuple[str, bytes]]:
    rf64, w64 = good_file("rf64.wav"), good_file("pcm16.w64")
    sizes = rf64.index(b"ds64")
    for size in (0, 2**32, 2**63 - 1, 2**64 - 1):
        yield f"rf64.wav data of {size}", put(rf64, sizes + 16, size, 8)
        yield f"rf64.wav RF64 of {size}", put(rf64, sizes + 8, size, 8)
    yield "rf64.wav without ds64", rf64[:12] + rf64[sizes + 36 :]
    data = w64.index(b"data")
    for size in (0, 23, 2**32, 2**63 - 1, 2**64 - 1):
        yield f"pcm16.w64 data of {size}", put(w64, data + 16, size, 8)
        yield f"pcm16.w64 fmt of {size}", put(w64, 56, size, 8)


def aiff_files() -> Iterator[tuple[str, bytes]]:
    good = good_file("pcm16.aiff")
    comm, sound = good.index(b"COMM"), good.index(b"SSND")
    for number in (0, 255, 65_535):
        yield f"pcm16.aiff channels {number}", put(good, comm + 8, number, 2, "big")
    for number in (0, 2**31, 2**32 - 1):
        yield f"pcm16.aiff frames {number}", put(good, comm + 10, number, 4, "big")
        yield f"pcm16.aiff sound of {number}", put(good, sound + 4, number, 4, "big")
        yield f"pcm16.aiff sound from {number}", put(good, sound + 8, number, 4, "big")
    for name, rate in {
        "zeros": b"\0" * 10,
        "ones": b"\xff" * 10,
        "huge": b"\x7f\xfe" + b"\xff" * 8,
    }.items():
        yield f"pcm16.aiff rate of {name}", good[: comm + 16] + rate + good[comm + 26 :]
    yield "pcm16.aiff without COMM", good[:12] + good[sound:]


def flac_files() -> Iterator[tuple[str, bytes]]:
    good = good_file("pcm16.flac")
    for total in (0, 3000, 6001, 2**32 - 1):
        yield f"pcm16.flac promises {total}", put(good, 22, total, 4, "big")
    yield "pcm16.flac of no rate", put(good, 18, 0, 2, "big")
    yield "pcm16.flac blocks of 0", put(good, 8, 0, 4, "big")
    yield "pcm16.flac comment of 16 MiB", put(good, 43, 0xFFFFFF, 3, "big")
    yield "pcm16.flac noise after its header", good[:5000] + Random(1).randbytes(9000)
    yield "pcm16.flac zeros after its header", good[:5000] + bytes(9000)
    yield "pcm16.flac one bit wrong", good[:9000] + bytes([good[9000] ^ 1]) + good[9001:]
    yield "pcm16.flac a piece missing", good[:9000] + good[14_000:]


def ogg_files() -> Iterator[tuple[str, bytes]]:
    for kind in ("vorbis.ogg", "opus.ogg"):
        good = good_file(kind)
        pages = good.split(b"OggS")[1:]
        first, last = b"OggS" + pages[0], b"OggS" + pages[-1]
        yield f"{kind} one bit wrong", good[:-50] + bytes([good[-50] ^ 1]) + good[-49:]
        yield f"{kind} without its last page", good[: -len(last)]
        yield f"{kind} without its second page", first + b"OggS" + b"OggS".join(pages[2:])
        yield f"{kind} whose last page is none", good[: -len(last)] + numbered(last, flags=0)
        yield f"{kind} twice", good + good
        yield f"{kind} with its last page twice", good + last
        yield f"{kind} noise after its first page", first + Random(2).randbytes(3000)
        yield f"{kind} and noise", good + Random(3).randbytes(3000)
        for at in (9, 10, 11, 12):
            yield (
                f"{kind} header byte {at} is 255",
                signed(put(first, 28 + at, 255, 1)) + good[len(first) :],
            )


def numbered(page: bytes, flags: int) -> bytes:
    return signed(put(page, 5, flags, 1))


def later(page: bytes, samples: int) -> bytes:
    return signed(put(page, 6, int.from_bytes(page[6:14], "little") + samples, 8))


def signed(page: bytes) -> bytes:
    """Return a page with the checksum that it should have."""
    return page[:22] + checksum(page[:27], page[27:]) + page[26:]


def mp3_files() -> Iterator[tuple[str, bytes]]:
    good = good_file("mono.mp3")
    tag = b"ID3\4\0\0"
    yield "mono.mp3 behind a tag", tag + b"\0\0\0\x14" + bytes(20) + good
    yield "mono.mp3 behind a tag of 256 MiB", tag + b"\x7f\x7f\x7f\x7f" + good
    yield "mono.mp3 behind 5000 tags", (tag + b"\0\0\0\0") * 5000 + good
    yield "mono.mp3 a tag and nothing", tag + b"\0\0\0\x0a" + bytes(10)
    at = good.index(b"Xing") + 8
    for frames in (0, 5, 2**31, 2**32 - 1):
        yield f"mono.mp3 promises {frames} blocks", put(good, at, frames, 4, "big")
    yield "mono.mp3 noise after its start", good[:1200] + Random(4).randbytes(9000)
    yield "mono.mp3 zeros after its start", good[:1200] + bytes(9000)
    yield "mono.mp3 empty blocks after its start", good[:1200] + b"\xff\xfb\0\0" * 50_000
    yield "mono.mp3 nothing but a mark", b"\xff\xfb"
    yield "mono.mp3 noise behind a mark", b"\xff\xfb\x90\x00" + Random(5).randbytes(9000)


def other_files() -> Iterator[tuple[str, bytes]]:
    starts = {
        "nothing": b"",
        "one byte": b"R",
        "a text": b"do re mi " * 500,
        "zeros": bytes(9000),
        "RIFF alone": b"RIFF",
        "a picture": b"\x89PNG\r\n\x1a\n" + Random(6).randbytes(9000),
        "gzip": b"\x1f\x8b\x08\0" + Random(7).randbytes(9000),
        "IRCAM": b"\x64\xa3\x01\0" + Random(8).randbytes(9000),
        "au": b".snd"
        + struct.pack(">5I", 24, 2**32 - 1, 3, RATE_HZ, 1)
        + Random(9).randbytes(9000),
        "caf": b"caff\0\1\0\0" + Random(10).randbytes(9000),
        "a tag and IRCAM": b"ID3\4\0\0\0\0\0\0\x64\xa3\x01\0" + Random(11).randbytes(9000),
    }
    yield from ((f"pcm16.wav {name}", content) for name, content in starts.items())
