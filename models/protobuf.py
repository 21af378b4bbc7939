"""The wire format of Protocol Buffers, read strictly: what is not in a schema is refused.

Two readers of one file may differ only where the format leaves a choice, as in fields that are
unknown or stand twice. There is no such choice here: such a file is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_BYTES_OF_A_VARINT: Final = 10
MOST_FIELDS: Final = 1 << 19
"""Of a message and all within it; each costs some 200 bytes while it is read."""


class BrokenMessageError(ValueError):
    """Bytes are not a message of the schema they were read by."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema."""

    name: str
    wire: int = BYTES
    repeated: bool = False
    """Numbers may then stand one by one or packed into bytes."""


Schema = Mapping[int, Field]


@dataclass(slots=True)
class Allowance:
    """How many fields and packed numbers may still be read."""

    left: int = MOST_FIELDS

    def take(self) -> None:
        """Count one more; raises `BrokenMessageError` if it is one too many."""
        self.left -= 1
        if self.left < 0:
            raise BrokenMessageError(f"it has more than the allowed {MOST_FIELDS} fields")


@dataclass(frozen=True, slots=True)
class Parts:
    """A message taken apart by the names of its schema."""

    allowance: Allowance
    """What it shares with the messages within it."""
    numbers: dict[str, list[int]] = field(default_factory=dict)
    """Numbers as they lie there, without a sign; floats as their bits."""
    pieces: dict[str, list[memoryview]] = field(default_factory=dict)

    def number(self, name: str, default: int = 0) -> int:
        return self.numbers.get(name, [default])[0]

    def piece(self, name: str) -> memoryview:
        return self.pieces.get(name, [memoryview(b"")])[0]

    def message(self, name: str, schema: Schema) -> "Parts":
        """Return a message within this one, empty where there is none."""
        return _taken_apart(self.piece(name), schema, self.allowance)

    def messages(self, name: str, schema: Schema) -> list["Parts"]:
        pieces = self.pieces.get(name, [])
        return [_taken_apart(piece, schema, self.allowance) for piece in pieces]

    def text(self, name: str) -> str:
        """Return a text; raises `BrokenMessageError` if it is not UTF-8."""
        return text_of(self.piece(name))

    def texts(self, name: str) -> list[str]:
        return [text_of(piece) for piece in self.pieces.get(name, [])]


def text_of(piece: memoryview) -> str:
    try:
        return bytes(piece).decode()
    except UnicodeDecodeError as error:
        raise BrokenMessageError(f"a text is not UTF-8: {error}") from error


def take_apart(message: memoryview, schema: Schema) -> Parts:
    """Return the fields of a message; raises `BrokenMessageError`."""
    return _taken_apart(message, schema, Allowance())


def _taken_apart(message: memoryview, schema: Schema, allowance: Allowance) -> Parts:
    parts = Parts(allowance)
    for number, wire, value in _fields(message):
        allowance.take()
        known = schema.get(number)
        if known is None:
            raise BrokenMessageError(f"got field {number}, allowed: {_names(schema)}")
        packed = known.repeated and wire == BYTES != known.wire
        if wire != known.wire and not packed:
            raise BrokenMessageError(f"{known.name} is of wire type {wire}, allowed: {known.wire}")
        if isinstance(value, memoryview) and not packed:
            pieces = parts.pieces.setdefault(known.name, [])
            pieces.append(value)
            count = len(pieces)
        else:
            numbers = parts.numbers.setdefault(known.name, [])
            if isinstance(value, memoryview):
                numbers.extend(_unpacked(value, known.wire, allowance))
            else:
                numbers.append(value)
            count = len(numbers)
        if count > 1 and not known.repeated:
            raise BrokenMessageError(f"{known.name} stands twice")
    return parts


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield number, wire, value
        elif wire == BYTES:
            size, place = _varint(message, place)
            piece, place = _taken(message, place, size)
            yield number, wire, piece
        elif wire in (FIXED32, FIXED64):
            piece, place = _taken(message, place, 4 if wire == FIXED32 else 8)
            yield number, wire, int.from_bytes(piece, "little")
        else:
            raise BrokenMessageError(f"got wire type {wire}, allowed: 0, 1, 2, 5")


def _unpacked(piece: memoryview, wire: int, allowance: Allowance) -> Iterator[int]:
    place = 0
    while place < len(piece):
        allowance.take()
        if wire == VARINT:
            number, place = _varint(piece, place)
        else:
            fixed, place = _taken(piece, place, 4 if wire == FIXED32 else 8)
            number = int.from_bytes(fixed, "little")
        yield number


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    if place < len(message) and message[place] < 0x80:
        return message[place], place + 1
    number = 0
    for count, byte in enumerate(message[place : place + MOST_BYTES_OF_A_VARINT]):
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if number >= 1 << 64:
                break
            return number, place + count + 1
    raise BrokenMessageError("a number is cut off or too long")


def _taken(message: memoryview, place: int, size: int) -> tuple[memoryview, int]:
    end = place + size
    if end > len(message):
        raise BrokenMessageError(f"{size} bytes are promised, {len(message) - place} are there")
    return message[place:end], end


def _names(schema: Schema) -> str:
    return ", ".join(f"{number} ({known.name})" for number, known in schema.items())
