"""The sound of the stand-in: phrases out of the pool, and takes of them that differ a little."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[attr-defined]  # scipy is untyped

from instrd.models.errors import AudioFileError
from instrd.training.folders.labelled_folder import LayoutError, Part
from instrd.training.folders.pool import Clip, listen, read_pool
from instrd.training.stems.phrases import chain
from instrd.training.stems.rooms import reverberated, room_responses

Floats = NDArray[np.float32]

RATE_HZ = 22_050
TEST_CLIPS = 30
"""Clips of each label, at least, in the sources that are kept for test files."""
NOTES = 12
"""Most clips of the pool in one phrase."""
SHORTEST_S, LONGEST_S = 4.0, 10.0
_SINGLE = re.compile(r"WaveDrum|G53-|V[na]-ord-")
"""Names of files that hold one stroke or note."""
_ROOM = re.compile(r"ROOM[-_]room(\d+)[-_]MUS[-_]\w+?(?:_DEV_(\w+))?\.wav")


@dataclass(frozen=True, slots=True)
class Recording:
    """What several files are takes of; `group` and `number` tell it from all others."""

    group: str
    number: int
    label: str
    part: Part


class Orchestra:
    """Plays recordings with clips of the pool; train and test have sources of their own."""

    def __init__(self, pool: Path, labels: AbstractSet[str], seed: int) -> None:
        self._pool = pool
        self._seed = seed
        self._clips: dict[tuple[Part, str], dict[str, list[Clip]]] = {}
        self._singles: dict[tuple[Part, str], Iterator[Clip]] = {}
        clips = read_pool(pool)
        for label in sorted(labels):
            sources: dict[str, list[Clip]] = defaultdict(list)
            for clip in clips:
                if clip.label == label:
                    sources[clip.source].append(clip)
            if not sources:
                raise LayoutError(pool, f"no clip of label {label}")
            for part, found in _divided(sources).items():
                self._clips[part, label] = found
                every = [clip for name in sorted(found) for clip in found[name]]
                order = _rng(seed, f"{part}: {label}", 0).permutation(len(every))
                # No single note is heard twice before all were heard once.
                self._singles[part, label] = cycle([every[place] for place in order])

    def play(self, recording: Recording, single: str) -> Floats:
        """Return the sound (n,) of a recording: one note if the name `single` is of one."""
        if _SINGLE.match(single):
            note = self._listen(next(self._singles[recording.part, recording.label]))
            return note[: int(LONGEST_S * RATE_HZ)]
        rng = _rng(self._seed, recording.group, recording.number)
        sources = self._clips[recording.part, recording.label]
        source = sorted(sources)[int(rng.integers(len(sources)))]
        clips = sources[source]
        picked = rng.choice(len(clips), min(NOTES, len(clips)), replace=False)
        notes = [self._listen(clips[int(place)]) for place in picked]
        length = int(rng.uniform(SHORTEST_S, LONGEST_S) * RATE_HZ)
        return chain(notes, label=recording.label, whole=False, length=length, rng=rng)

    def _listen(self, clip: Clip) -> Floats:
        return _listen(self._pool / clip.path)


def take(sound: Floats, name: str, seed: int) -> Floats:
    """Return one file's take of a recording: another gain, onset, tone, noise, or room."""
    rng = _rng(seed, name, 0)
    taken = np.concatenate((np.zeros(int(rng.uniform(0.0, 0.03) * RATE_HZ), np.float32), sound))
    if room := _ROOM.match(name):
        responses = _rooms()
        taken = reverberated(taken, responses[int(room[1]) % len(responses)])
        device = _rng(seed, room[2] or "", 0)
        taken = _toned(taken, device.uniform(0.2, 0.7))
    else:
        taken = _toned(taken, rng.uniform(-0.1, 0.1))
    peak = max(float(np.abs(taken).max()), 1e-9)
    noise = rng.normal(0.0, peak * 10.0 ** (-rng.uniform(50.0, 65.0) / 20.0), len(taken))
    level = 10.0 ** (rng.uniform(-9.0, -1.0) / 20.0) / peak
    return np.float32(level) * (taken + noise.astype(np.float32))


def is_room_piece(group: str) -> bool:
    """Tell whether a group is one piece played again in many rooms."""
    return ": room piece " in group


def _divided(sources: dict[str, list[Clip]]) -> dict[Part, dict[str, list[Clip]]]:
    """Return train and test sources: the smallest ones are for test, where there are several."""
    by_size = sorted(sources, key=lambda source: (len(sources[source]), source))
    test: list[str] = []
    while len(by_size) > 1 and sum(len(sources[name]) for name in test) < TEST_CLIPS:
        test.append(by_size.pop(0))
    return {
        "train": {name: sources[name] for name in by_size},
        "test": {name: sources[name] for name in test or by_size},
    }


def _toned(sound: Floats, pole: float) -> Floats:
    toned: Floats = lfilter([1.0 - abs(pole)], [1.0, -pole], sound).astype(np.float32)
    return toned


def _rng(seed: int, name: str, number: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/{name}/{number}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8]))


@lru_cache(maxsize=256)
def _listen(path: Path) -> Floats:
    try:
        return listen(path, RATE_HZ)
    except AudioFileError as error:
        raise LayoutError(path, error.reason) from error


@lru_cache(maxsize=1)
def _rooms() -> list[Floats]:
    return room_responses(RATE_HZ, np.random.default_rng(0))
