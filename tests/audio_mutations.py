"""Audio files broken at random: whatever a disk, a download or malice does to good ones."""

from collections.abc import Callable
from random import Random

from good_audio import KINDS, good_file

ODD_NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
HEADER_BYTES = 160


def mutated(rng: Random) -> tuple[str, list[str], bytes]:
    """Return the kind of a good file, the faults that were put into it, and what it is now."""
    name = rng.choice(sorted(KINDS))
    content, faults = good_file(name), []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        fault = rng.choice(FAULTS)
        faults.append(fault.__name__)
        content = fault(rng, content)
    return name, faults, content


def cut_off(rng: Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def flipped(rng: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 8, 64))):
        if changed:
            changed[_place(rng, content)] = rng.randrange(256)
    return bytes(changed)


def odd_number(rng: Random, content: bytes) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    number: int = rng.choice(ODD_NUMBERS) & (256**width - 1)
    if rng.random() < 0.2:
        number = rng.getrandbits(8 * width)
    at = _place(rng, content)
    encoded = number.to_bytes(width, "big" if rng.random() < 0.5 else "little")
    return content[:at] + encoded + content[at + width :]


def without_a_piece(rng: Random, content: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + content[at + rng.choice((1, 2, 4, 8, 100, 1000)) :]


def with_noise(rng: Random, content: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + rng.randbytes(rng.choice((1, 2, 4, 8, 100, 5000))) + content[at:]


def with_a_piece_twice(rng: Random, content: bytes) -> bytes:
    at, end = sorted((_place(rng, content), _place(rng, content)))
    return content[:end] + content[at:]


def noise_from_here(rng: Random, content: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + rng.randbytes(len(content) - at)


def tail_of_another(rng: Random, content: bytes) -> bytes:
    other = good_file(rng.choice(sorted(KINDS)))
    return content[: _place(rng, content)] + other[_place(rng, other) :]


def behind_an_id3_tag(rng: Random, content: bytes) -> bytes:
    size = rng.choice((0, 10, 1000, 0x0FFFFFFF))
    encoded = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3" + bytes([rng.choice((2, 3, 4, 255)), 0, rng.choice((0, 0x10, 0xFF))]) + encoded
    return tag * rng.choice((1, 1, 3, 200)) + rng.randbytes(min(size, 1000)) + content


FAULTS: tuple[Callable[[Random, bytes], bytes], ...] = (
    cut_off,
    flipped,
    odd_number,
    odd_number,
    without_a_piece,
    with_noise,
    with_a_piece_twice,
    noise_from_here,
    tail_of_another,
    behind_an_id3_tag,
)


def _place(rng: Random, content: bytes) -> int:
    """Return an offset, more often than not in the header."""
    most = max(0, len(content) - 1)
    return rng.randint(0, min(most, HEADER_BYTES) if rng.random() < 0.7 else most)
