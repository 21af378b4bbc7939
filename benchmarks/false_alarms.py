"""How often instrd names an instrument where there is none.

    python benchmarks/false_alarms.py [--hours 1] [--model base] [--hop-s 0.1] [FILE|FOLDER...]

Streams digital zeros, white noise at -60 dBFS and at -30 dBFS, the hum of mains at -40 dBFS with
harmonics that fall by 6 or 12 dB an octave, each for a minute in turn, test tones and beeps of 1 to
4 s, then the given recordings (of speech, traffic, applause) through the daemon's own pipeline
under a virtual clock, and counts the `on` events. Of a folder, all recordings follow each other in
one stream.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
from instrd.models.audiofile import read_audio
from instrd.models.errors import AudioFileError
from instrd.training.folders.pool import resample

RATE_HZ = 16_000
_AT_ONCE = 600  # hops of tones
Blocks = Iterator[NDArray[np.float32]]


def zeros(hops: int, hop: int) -> Blocks:
    silence = np.zeros(hop, np.float32)
    return (silence for _ in range(hops))


def noise(hops: int, hop: int, dbfs: float) -> Blocks:
    random = np.random.default_rng(5)
    level = np.float32(10 ** (dbfs / 20))
    return (level * random.standard_normal(hop, np.float32) for _ in range(hops))


def hum(hops: int, hop: int, mains_hz: float) -> Blocks:
    """Yield hum of -40 dBFS rms: for a minute all harmonics or the odd ones, falling so or so."""
    random = np.random.default_rng(6)
    tunes = [(np.arange(1, 20, step), slope) for step in (1, 2) for slope in (1.0, 2.0)]
    for first in range(0, hops * hop, hop):
        orders, slope = tunes[first // (60 * RATE_HZ) % len(tunes)]
        time_s = np.arange(first, first + hop) / RATE_HZ
        strengths = orders**-slope
        strengths *= 0.01 * np.sqrt(2.0 / np.sum(strengths**2))
        sound = strengths @ np.sin(2.0 * np.pi * mains_hz * orders[:, None] * time_s)
        yield (sound + 1e-4 * random.standard_normal(hop)).astype(np.float32)


def tones(hops: int, hop: int, *, square: bool) -> Blocks:
    """Yield steady sines of 60 to 6000 Hz, or square waves that go on and off, and silence between.

    They are at -45 to -20 dBFS rms, over a hiss of -80 dBFS.
    """
    random = np.random.default_rng(7)
    for first in range(0, hops, _AT_ONCE):
        sound = 1e-4 * random.standard_normal(min(_AT_ONCE, hops - first) * hop)
        start = 0
        while start < len(sound):
            time_s = np.arange(random.integers(RATE_HZ, 4 * RATE_HZ)) / RATE_HZ
            tone = np.sin(2.0 * np.pi * np.exp(random.uniform(*np.log((60.0, 6000.0)))) * time_s)
            if square:
                tone = np.sign(tone) * ((time_s * random.uniform(1.0, 8.0)) % 1.0 < 0.5)
            tone *= 10.0 ** (random.uniform(-45.0, -20.0) / 20.0) / np.sqrt(np.mean(tone**2))
            end = min(start + len(tone), len(sound))
            sound[start:end] += tone[: end - start]
            start = end + RATE_HZ
        yield from sound.astype(np.float32).reshape(-1, hop)


def recordings(paths: Iterable[Path], hop: int) -> Blocks:
    """Yield the sound of all files that can be read, at `RATE_HZ`, peaks at -6 dBFS."""
    for path in paths:
        try:
            sound, rate_hz = read_audio(path)
        except AudioFileError as error:
            print(f"left out: {error}")
            continue
        heard = resample(sound, rate_hz, RATE_HZ)
        heard *= np.float32(0.5 / max(float(np.abs(heard).max(initial=0.0)), 1e-3))
        yield from np.pad(heard, (0, -len(heard) % hop)).reshape(-1, hop)


def names(paths: Sequence[Path]) -> list[str]:
    """Return what to call each path: its last part, or all of it where others share that."""
    often = Counter(path.name for path in paths)
    return [path.name if often[path.name] == 1 else str(path) for path in paths]


def count_ons(hearing: Hearing, rate_hz: int, blocks: Blocks) -> tuple[Counter[str], float]:
    """Return the `on` events by label, and the seconds of audio."""
    clock = SampleClock(rate_hz)
    place = Place("test", rate_hz, 0, clock)
    stream = Stream(place, hearing.config, hearing.classifier, hearing.numbers, lambda: 0)
    ons: Counter[str] = Counter()
    first = 0
    for samples in blocks:
        for message in advance(hearing.classifier, [(stream, Hop(first, samples))]):
            if isinstance(message, Event) and message.event == "on":
                ons[message.label] += 1
        first += len(samples)
    return ons, first / rate_hz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--model", default="base")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="of bundles")
    parser.add_argument("--smoothing-s", type=float, default=Config().decision.smoothing_s)
    parser.add_argument("--min-on-s", type=float, default=Config().decision.min_on_s)
    parser.add_argument("--hop-s", type=float, default=0.1)
    parser.add_argument("files", nargs="*", type=Path)
    chosen = parser.parse_args()
    config = Config()
    folders = tuple(map(str, chosen.folder))
    model = msgspec.structs.replace(config.model, name=chosen.model, folders=folders)
    analysis = msgspec.structs.replace(config.analysis, hop_s=chosen.hop_s)
    decision = msgspec.structs.replace(
        config.decision, smoothing_s=chosen.smoothing_s, min_on_s=chosen.min_on_s
    )
    config = msgspec.structs.replace(config, model=model, analysis=analysis, decision=decision)
    hearing = Hearing(config, "test")
    hop = round(config.analysis.hop_s * RATE_HZ)
    hops = round(chosen.hours * 3600 / config.analysis.hop_s)
    cases = [
        ("digital zeros", zeros(hops, hop)),
        ("noise at -60 dBFS", noise(hops, hop, -60.0)),
        ("noise at -30 dBFS", noise(hops, hop, -30.0)),
        ("hum of 50 Hz", hum(hops, hop, 50.0)),
        ("hum of 60 Hz", hum(hops, hop, 60.0)),
        ("test tones", tones(hops, hop, square=False)),
        ("beeps", tones(hops, hop, square=True)),
    ]
    for name, path in zip(names(chosen.files), chosen.files, strict=True):
        paths = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        cases.append((name, recordings(paths, hop)))
    for name, blocks in cases:
        began = time.monotonic()
        ons, seconds = count_ons(hearing, RATE_HZ, blocks)
        speed = seconds / (time.monotonic() - began)
        print(f"{name:24} {seconds / 3600:.3f} h  {ons.total()} on {dict(ons)}  {speed:.0f}x real")


if __name__ == "__main__":
    main()
