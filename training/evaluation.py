"""How good a bundle is on sources that it was not trained on, through its ONNX file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Bundle, read_bundle, write_bundle
from instrd.models.classifier import Calibration
from instrd.models.frontend import frames_of
from instrd.models.net import Net, OnnxNet
from instrd.training.export import rounded
from instrd.training.pairs import judge_pairs
from instrd.training.pool import Clip, divide, listen, read_pool
from instrd.training.recipe import Recipe
from instrd.training.rooms import noise
from instrd.training.scores import Scores, score

Floats = NDArray[np.float32]

FOUR = ("drum", "guitar", "piano", "violin")
_LEVEL_DBFS = -50.0  # quieter windows are not judged
_BATCH = 64
_NOISE_S = 120


@dataclass(frozen=True)
class Heard:
    """One held-out clip: the probabilities of its seconds and of the whole, (..., labels)."""

    label: str
    source: str
    windows: Floats
    whole: Floats


def evaluate(folder: Path, data: Path) -> dict[str, Any]:
    """Measure a bundle on the held-out clips of its recipe, write that into its manifest."""
    bundle = read_bundle(folder)
    recipe = msgspec.convert(bundle.manifest.recipe, Recipe)
    _, test = divide(read_pool(data), recipe.split)
    heard = list(listen_to(bundle, test, data))
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    judge = partial(mean_probabilities, net, calibration)
    noisy = judge(_noise_frames(bundle, recipe.seed))
    known = [clip for clip in test if clip.label not in bundle.manifest.background]
    measured: dict[str, Any] = rounded(summary(heard, noisy, bundle))
    measured["pairs_1s"] = rounded(
        judge_pairs(judge, known, data, bundle.manifest, seed=recipe.seed)
    )
    metrics = {**bundle.manifest.metrics, "held_out": measured}
    manifest = msgspec.structs.replace(bundle.manifest, metrics=metrics)
    files = {name: (folder / name).read_bytes() for name in manifest.files}
    write_bundle(folder, manifest, files)
    return measured


def listen_to(bundle: Bundle, clips: Sequence[Clip], data: Path) -> Iterator[Heard]:
    """Judge clips: each loud second on its own, and each whole clip as one stream."""
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    front_end = bundle.manifest.front_end
    for clip in clips:
        signal = listen(data / clip.path, front_end.rate_hz)
        seconds = _loud_seconds(signal, front_end.rate_hz)
        if not len(seconds):
            continue
        cold = np.stack([frames_of(front_end, second) for second in seconds])
        windows = mean_probabilities(net, calibration, cold)
        whole = mean_probabilities(net, calibration, frames_of(front_end, signal)[None])[0]
        yield Heard(clip.label, clip.source, windows, whole)


def summary(heard: Sequence[Heard], noisy: Floats, bundle: Bundle) -> dict[str, Any]:
    """Return all figures: of single seconds, of whole clips, by source, and false alarms."""
    manifest = bundle.manifest
    instruments = [label for label in manifest.labels if label not in manifest.background]
    known = [h for h in heard if h.label in instruments]
    windows = _together([h.windows for h in known], [h.label for h in known], bundle)
    clips = _together([h.whole[None] for h in known], [h.label for h in known], bundle)
    columns = [manifest.labels.index(label) for label in instruments]
    on = np.array(manifest.threshold_on)[columns]
    background = [h.windows[:, columns] for h in heard if h.label in manifest.background]
    return {
        "windows_1s": msgspec.to_builtins(windows),
        "clips": msgspec.to_builtins(clips),
        "by_source": _by_source(known, bundle),
        "false_alarms": {
            "background": _any_on(np.concatenate(background), on) if background else 0.0,
            "noise": _any_on(noisy[:, columns], on),
        },
    }


def _together(parts: Sequence[Floats], labels: Sequence[str], bundle: Bundle) -> Scores:
    names = bundle.manifest.labels
    truth = np.repeat([names.index(label) for label in labels], [len(part) for part in parts])
    four = [label for label in FOUR if label in names]
    return score(np.concatenate(parts), truth, bundle.manifest, four)


def _by_source(heard: Sequence[Heard], bundle: Bundle) -> dict[str, dict[str, float]]:
    found = {}
    for source in sorted({h.source for h in heard}):
        own = [h for h in heard if h.source == source]
        windows = _together([h.windows for h in own], [h.label for h in own], bundle)
        clips = _together([h.whole[None] for h in own], [h.label for h in own], bundle)
        found[source] = {
            "windows_1s": windows.accuracy,
            "windows_1s_four": windows.accuracy_four,
            "clips": clips.accuracy,
            "clips_four": clips.accuracy_four,
        }
    return found


def _any_on(probabilities: Floats, thresholds: NDArray[np.float64]) -> float:
    """Return the share of seconds in which any label reaches its threshold."""
    return float(np.mean((probabilities >= thresholds).any(axis=1)))


def _noise_frames(bundle: Bundle, seed: int) -> Floats:
    """Return the frames of seconds of noise at -10 to -50 dBFS, (seconds, T, width)."""
    rng = np.random.default_rng(seed)
    front_end = bundle.manifest.front_end
    levels = 10.0 ** (rng.uniform(-50.0, -10.0, _NOISE_S) / 20.0)
    seconds = [noise(front_end.rate_hz, rng) * np.float32(level) for level in levels]
    return np.stack([frames_of(front_end, second) for second in seconds])


def mean_probabilities(net: Net, calibration: Calibration, frames: Floats) -> Floats:
    """Map (B, T, width), each row a stream that begins, to the mean over time, (B, labels)."""
    rows = []
    for start in range(0, len(frames), _BATCH):
        batch = frames[start : start + _BATCH]
        state = np.zeros((len(batch), net.state_size), np.float32)
        logits, _ = net(batch, state)
        rows.append(calibration.probabilities(logits).mean(axis=1))
    probabilities: Floats = np.concatenate(rows)
    return probabilities


def _loud_seconds(signal: Floats, rate_hz: int) -> Floats:
    """Cut whole seconds, (n, rate) and keep the loud ones; a shorter clip is filled with zeros."""
    if len(signal) < rate_hz:
        signal = np.pad(signal, (0, rate_hz - len(signal)))
    seconds = signal[: len(signal) // rate_hz * rate_hz].reshape(-1, rate_hz)
    rms_dbfs = 10.0 * np.log10(np.mean(seconds.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud: Floats = seconds[rms_dbfs > _LEVEL_DBFS]
    return loud
