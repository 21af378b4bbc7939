"""How often labels are shown that do not sound, beside those that do, with and without contrast.

    python benchmarks/ghosts.py --data POOL [--background POOL] [--bundle models/bundles/base]

Every clip of the pool is heard alone (its first 15 s) and 400 pairs of them together (4 s, within
6 dB), 0.1 s by 0.1 s: a label is shown where its probability reaches its `threshold_on`. The
first 0.3 s and what is softer than -50 dBFS do not count, and of pairs only where both are within
12 dB of each other does. With --background every clip is heard once more, with a recording of
that pool (of each of its labels as often) 0 to 12 dB softer; there a hop counts where the clip is
at most 12 dB softer than it. For pools that no training saw (gather_recordings.py, with its own
list and with background.toml); clips that hold more than they are named after can be left out
with --without.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from instrd.models.bundle import Bundle, read_bundle
from instrd.models.classifier import Calibration
from instrd.models.frontend import frames_of
from instrd.models.net import OnnxNet
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import Clip, listen, read_pool

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

_MOST_S, _PAIR_S, _LEAST_S = 15, 4, 1.5
_PAIRS, _SEED, _LABELS_LEAST = 400, 20261126, 2
_BEGIN_HOPS, _LEVEL_DBFS = 3, -50.0
_WITHIN_DB, _BESIDE_DB, _SOFTER_DB = 6.0, 12.0, 12.0
_RMS = 0.1


@dataclass(frozen=True)
class Heard:
    """One stream: its logits (hops, labels), the hops that count, and what sounds in them."""

    kind: str
    logits: Floats
    counts: Flags
    labels: tuple[str, ...]


class Ear:
    """Listens with a bundle's net, one judgement every 0.1 s."""

    def __init__(self, bundle: Bundle) -> None:
        self._net, self._front_end = OnnxNet(bundle), bundle.manifest.front_end
        self.rate_hz = self._front_end.rate_hz
        self.hop = self.rate_hz // 10

    def logits(self, sound: Floats) -> Floats:
        """Return the logits at the end of each hop of a sound (n,), (hops, labels)."""
        frames = frames_of(self._front_end, sound)[None]
        logits, _ = self._net(frames, np.zeros((1, self._net.state_size), np.float32))
        each = self.hop // self._front_end.hop
        ends: Floats = logits[0, each - 1 :: each]
        return ends[: len(sound) // self.hop]

    def levels_dbfs(self, sound: Floats) -> Floats:
        """Return the rms of each hop."""
        hops = sound[: len(sound) // self.hop * self.hop].reshape(-1, self.hop)
        levels: Floats = 10.0 * np.log10(np.mean(hops**2, axis=1) + 1e-12)
        return levels


def solos(ear: Ear, clips: Sequence[Clip], sounds: Sequence[Floats]) -> Iterator[Heard]:
    for clip, sound in zip(clips, sounds, strict=True):
        loud = ear.levels_dbfs(sound) > _LEVEL_DBFS
        loud[:_BEGIN_HOPS] = False
        yield Heard("one", ear.logits(sound), loud, (clip.label,))


def pairs(ear: Ear, clips: Sequence[Clip], sounds: Sequence[Floats]) -> Iterator[Heard]:
    rng = np.random.default_rng(_SEED)
    by_label: dict[str, list[Floats]] = defaultdict(list)
    for clip, sound in zip(clips, sounds, strict=True):
        if len(sound) >= _LEAST_S * ear.rate_hz:
            by_label[clip.label].append(sound)
    if len(by_label) < _LABELS_LEAST:
        told = f"of {_LEAST_S} s or more got {len(by_label)} of the bundle's instruments"
        raise TrainingError("pairs", f"{told}, allowed {_LABELS_LEAST} or more")
    for _ in range(_PAIRS):
        labels = tuple(map(str, rng.choice(sorted(by_label), 2, replace=False)))
        one, two = (by_label[name][int(rng.integers(len(by_label[name])))] for name in labels)
        length = min(len(one), len(two), _PAIR_S * ear.rate_hz)
        gain = np.float32(10.0 ** (rng.uniform(-_WITHIN_DB, _WITHIN_DB) / 20.0))
        one, two = _evened(one[:length]), gain * _evened(two[:length])
        beside = np.abs(ear.levels_dbfs(one) - ear.levels_dbfs(two)) < _BESIDE_DB
        beside &= ear.levels_dbfs(one + two) > _LEVEL_DBFS
        beside[:_BEGIN_HOPS] = False
        yield Heard("two", ear.logits(one + two), beside, labels)


def with_background(
    ear: Ear,
    clips: Sequence[Clip],
    sounds: Sequence[Floats],
    pool: Path,
    background: Sequence[Clip],
) -> Iterator[Heard]:
    rng = np.random.default_rng(_SEED)
    by_label: dict[str, list[Clip]] = defaultdict(list)
    for clip in background:
        by_label[clip.label].append(clip)
    for clip, sound in zip(clips, sounds, strict=True):
        alike = by_label[str(rng.choice(sorted(by_label)))]
        behind = listen(pool / alike[int(rng.integers(len(alike)))].path, ear.rate_hz)
        gain = np.float32(10.0 ** (rng.uniform(-_SOFTER_DB, 0.0) / 20.0))
        one, two = _evened(sound), gain * _evened(np.resize(behind, len(sound)))
        beside = ear.levels_dbfs(one) > ear.levels_dbfs(two) - _BESIDE_DB
        beside &= ear.levels_dbfs(one) > _LEVEL_DBFS
        beside[:_BEGIN_HOPS] = False
        yield Heard("one, with background", ear.logits(one + two), beside, (clip.label,))


def _evened(sound: Floats) -> Floats:
    """Return a sound at the same rms as all others."""
    evened: Floats = sound * np.float32(_RMS / max(float(np.sqrt(np.mean(sound**2))), 1e-6))
    return evened


def shown(heard: Sequence[Heard], bundle: Bundle) -> tuple[float, float]:
    """Return how much of what sounds is shown, and how many other labels are shown a hop."""
    manifest, calibration = bundle.manifest, Calibration(bundle.manifest)
    instruments = np.array([label not in manifest.background for label in manifest.labels])
    right = wrong = wanted = hops = 0
    for one in heard:
        on = calibration.probabilities(one.logits) >= np.array(manifest.threshold_on)
        on = (on & instruments)[one.counts]
        sounds = np.isin(manifest.labels, one.labels)
        right += int(on[:, sounds].sum())
        wrong += int(on[:, ~sounds].sum())
        wanted += int(sounds.sum()) * len(on)
        hops += len(on)
    return right / max(wanted, 1), wrong / max(hops, 1)


def wanted(pool: Path, without: Sequence[str]) -> list[Clip]:
    """Return the clips of a pool whose paths hold none of these; raises `TrainingError`."""
    clips = [clip for clip in read_pool(pool) if not any(part in clip.path for part in without)]
    if not clips:
        raise TrainingError(pool, f"got no clips, those with {list(without)} left out, allowed any")
    return clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the pool")
    parser.add_argument("--background", type=Path, help="a pool of what is no instrument")
    parser.add_argument("--bundle", type=Path, default=Path("models/bundles/base"))
    parser.add_argument("--without", action="append", default=[], help="in a path; again for more")
    chosen = parser.parse_args()
    bundle = read_bundle(chosen.bundle)
    without = msgspec.structs.replace(bundle.manifest, contrast=(), background_contrast=0.0)
    bare = Bundle(bundle.folder, without, "")
    ear, manifest = Ear(bundle), bundle.manifest
    clips, sounds = [], []
    for clip in wanted(chosen.data, chosen.without):
        if clip.label in manifest.labels and clip.label not in manifest.background:
            clips.append(clip)
            sounds.append(listen(chosen.data / clip.path, ear.rate_hz)[: _MOST_S * ear.rate_hz])
    table = Table("playing", "hops", "contrast", "shown of what sounds", "others shown a hop")
    kinds = [list(solos(ear, clips, sounds)), list(pairs(ear, clips, sounds))]
    if chosen.background:
        background = wanted(chosen.background, chosen.without)
        kinds.append(list(with_background(ear, clips, sounds, chosen.background, background)))
    for heard in kinds:
        hops = str(sum(int(one.counts.sum()) for one in heard))
        for name, told in (("no", bare), ("yes", bundle)):
            share, others = shown(heard, told)
            table.add_row(heard[0].kind, hops, name, f"{100 * share:.1f} %", f"{others:.3f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
