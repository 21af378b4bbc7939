"""The bundled demo piece and the truth about which instrument sounds in it when."""

from collections import defaultdict
from importlib import resources
from pathlib import Path

import msgspec


class Silence(msgspec.Struct, frozen=True):
    """A span in which nothing at all sounds."""

    t_on_s: float
    t_off_s: float


class Sounding(msgspec.Struct, frozen=True):
    """A span in which one instrument sounds, its tail included."""

    label: str
    t_on_s: float
    t_off_s: float


class Truth(msgspec.Struct, frozen=True):
    """What is known about the demo piece; times count from the start of the file."""

    rate_hz: int
    seconds: float
    credit: str
    events: tuple[Sounding, ...]
    silences: tuple[Silence, ...]


def demo_path() -> Path:
    return _resource("demo.ogg")


def truth() -> Truth:
    return msgspec.json.decode(_resource("demo.json").read_bytes(), type=Truth)


def playing_s(heard_s: float) -> dict[str, float]:
    """Return how long each instrument plays in that much of the piece, begun anew at its end."""
    piece, seconds = truth(), defaultdict[str, float](float)
    rounds, rest_s = divmod(heard_s, piece.seconds)
    for one in piece.events:
        in_rest_s = min(rest_s, one.t_off_s) - min(rest_s, one.t_on_s)
        seconds[one.label] += rounds * (one.t_off_s - one.t_on_s) + in_rest_s
    return {label: playing for label, playing in seconds.items() if playing}


def _resource(name: str) -> Path:
    return Path(str(resources.files(__name__) / name))
