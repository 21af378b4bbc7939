"""How long after an instrument begins its `on` is published, and how many are missed.

    python benchmarks/onset_latency.py --data POOL [--model base] [--hop-s 0.05] [--count 300]

Clips that the model's recipe holds out, trimmed to their first sound, begin at a known sample:
half of them after silence, half while a clip of another instrument plays. They pass through the
daemon's own pipeline under a virtual clock; the time counts to the end of the hop that brings the
`on`, as the daemon cannot publish sooner.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.clients.protocol import Event
from instrd.daemon.config import Config
from instrd.daemon.hearing import Hearing
from instrd.daemon.report import Place
from instrd.daemon.ring import Hop
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.stream import Stream, advance
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import Clip, divide, listen, read_pool
from instrd.training.recipe import Split
from instrd.training.stems.phrases import trimmed

Floats = NDArray[np.float32]

RATE_HZ = 16_000
TENTH = RATE_HZ // 10
LEAD_S, TAIL_S = 2.5, 2.5
LABELS_LEAST = 2
LEVEL = np.float32(0.1)


def looped(clip: Clip, data: Path, seconds: float) -> Floats:
    """Return a clip from its first sound on, repeated to `seconds`, its loudest 0.1 s rms 0.1."""
    sound = trimmed(listen(data / clip.path, RATE_HZ))
    tenths = sound[: len(sound) // TENTH * TENTH].reshape(-1, TENTH)
    loudest = np.sqrt(np.mean(tenths**2, axis=1).max())
    repeats = int(np.ceil(seconds * RATE_HZ / len(sound)))
    made: Floats = np.tile(sound * (LEVEL / loudest), repeats)[: int(seconds * RATE_HZ)]
    return made


def latency_s(hearing: Hearing, sound: Floats, label: str, onset: int) -> float | None:
    """Return the time from the onset to the `on` of a label; None if it never comes."""
    clock = SampleClock(RATE_HZ)
    place = Place("test", RATE_HZ, 0, clock)
    stream = Stream(place, hearing.config, hearing.classifier, hearing.numbers, lambda: 0)
    for first in range(0, len(sound) - stream.hop + 1, stream.hop):
        hop = Hop(first, sound[first : first + stream.hop])
        for message in advance(hearing.classifier, [(stream, hop)]):
            if isinstance(message, Event) and message.event == "on" and message.label == label:
                begun_s = (first + stream.hop - onset) / RATE_HZ
                if begun_s > 0.0:
                    return begun_s
    return None


def long_enough(clips: Iterable[Clip], data: Path) -> dict[str, list[Clip]]:
    """Return the clips of at least 0.1 s from their first sound on; raises `TrainingError`."""
    by_label: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if len(trimmed(listen(data / clip.path, RATE_HZ))) >= TENTH:
            by_label[clip.label].append(clip)
    if len(by_label) < LABELS_LEAST:
        told = f"of 0.1 s or more got {len(by_label)} of the model's instruments, held out"
        raise TrainingError(data, f"{told}, allowed {LABELS_LEAST} or more")
    return by_label


def streams(
    by_label: Mapping[str, Sequence[Clip]], data: Path, count: int, rng: np.random.Generator
) -> Iterator[tuple[Floats, str, int, bool]]:
    """Yield (sound, label, sample of its onset, whether another instrument played before)."""
    labels = sorted(by_label)
    for made in range(count):
        label, other = (str(name) for name in rng.choice(labels, 2, replace=False))
        new = looped(by_label[label][int(rng.integers(len(by_label[label])))], data, TAIL_S)
        old = looped(
            by_label[other][int(rng.integers(len(by_label[other])))], data, LEAD_S + TAIL_S
        )
        onset = int(LEAD_S * RATE_HZ) + int(rng.integers(TENTH))
        over = made % 2 == 1
        sound = 0.3 * old * over + 1e-4 * rng.standard_normal(len(old), np.float32)
        end = min(len(sound), onset + len(new))
        sound[onset:end] += new[: end - onset]
        yield sound.astype(np.float32), label, onset, over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="base")
    parser.add_argument("--folder", type=Path, action="append", default=[])
    parser.add_argument("--smoothing-s", type=float, default=Config().decision.smoothing_s)
    parser.add_argument("--min-on-s", type=float, default=Config().decision.min_on_s)
    parser.add_argument("--hop-s", type=float, default=0.05)
    parser.add_argument("--count", type=int, default=300)
    chosen = parser.parse_args()
    config = Config()
    model = msgspec.structs.replace(
        config.model, name=chosen.model, folders=tuple(map(str, chosen.folder))
    )
    analysis = msgspec.structs.replace(config.analysis, hop_s=chosen.hop_s)
    decision = msgspec.structs.replace(
        config.decision, smoothing_s=chosen.smoothing_s, min_on_s=chosen.min_on_s
    )
    hearing = Hearing(
        msgspec.structs.replace(config, model=model, analysis=analysis, decision=decision), "test"
    )
    manifest = hearing.bundle.manifest
    _, held_out = divide(read_pool(chosen.data), msgspec.convert(manifest.recipe["split"], Split))
    instruments = (clip for clip in held_out if clip.label not in manifest.background)
    clips = long_enough(instruments, chosen.data)
    found: dict[str, list[float | None]] = defaultdict(list)
    for sound, label, onset, over in streams(
        clips, chosen.data, chosen.count, np.random.default_rng(11)
    ):
        took = latency_s(hearing, sound, label, onset)
        for group in ("all", "over another" if over else "after silence", label):
            found[group].append(took)
    print(f"{'':14} {'median':>8} {'p90':>8} {'never':>7} of {'streams':>7}")
    for group, all_times in found.items():
        times = [took for took in all_times if took is not None]
        median, late = np.percentile(times, [50, 90]) if times else (np.nan, np.nan)
        never = len(all_times) - len(times)
        print(f"{group:14} {median * 1e3:6.0f}ms {late * 1e3:6.0f}ms {never:7} {len(all_times):10}")


if __name__ == "__main__":
    main()
