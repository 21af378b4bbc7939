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
from instrd.models.frontend import FrontEnd, frames_of
from instrd.models.net import Net, OnnxNet
from instrd.models.pooling import worth
from instrd.training.errors import TrainingError
from instrd.training.export import rounded
from instrd.training.pairs import judge_pairs
from instrd.training.pool import Clip, divide, listen, read_pools
from instrd.training.recipe import Split
from instrd.training.rooms import noise
from instrd.training.scores import Scores, score

Floats = NDArray[np.float32]

FOUR = ("drum", "guitar", "piano", "violin")
_LEVEL_DBFS = -50.0  # quieter windows are not judged
_BATCH = 64
_PHRASE_S = 3
_NOISE_S = 120


@dataclass(frozen=True)
class Heard:
    """One held-out clip: the probabilities of its seconds, 3 s pieces and all, (..., labels)."""

    label: str
    source: str
    windows: Floats
    phrases: Floats
    whole: Floats


def evaluate(folder: Path, roots: Sequence[Path]) -> dict[str, Any]:
    """Measure a bundle on the held-out clips of its recipe, write that into its manifest."""
    bundle = read_bundle(folder)
    if "held_out" in bundle.manifest.recipe["fit"]["parts"]:
        raise TrainingError(folder, "has heard all sources; evaluate the run that it began with")
    split = msgspec.convert(bundle.manifest.recipe["split"], Split)
    seed = int(bundle.manifest.recipe["seed"])
    _, test = divide(read_pools(roots), split)
    heard = list(listen_to(bundle, test))
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    judge = partial(mean_probabilities, net, calibration, bundle.manifest.front_end)
    noisy = judge(_noise_frames(bundle, seed))
    known = [clip for clip in test if clip.label not in bundle.manifest.background]
    measured: dict[str, Any] = rounded(summary(heard, noisy, bundle))
    measured["pairs_1s"] = rounded(judge_pairs(judge, known, bundle.manifest, seed=seed))
    metrics = {**bundle.manifest.metrics, "held_out": measured}
    manifest = msgspec.structs.replace(bundle.manifest, metrics=metrics)
    write_bundle(folder, manifest, {})
    return measured


def listen_to(bundle: Bundle, clips: Sequence[Clip]) -> Iterator[Heard]:
    """Judge clips: each loud second on its own, and each whole clip as one stream."""
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    front_end = bundle.manifest.front_end
    judge = partial(_judge_pieces, net, calibration, front_end)
    for clip in clips:
        signal = listen(Path(clip.path), front_end.rate_hz)
        padded = np.pad(signal, (0, max(0, front_end.rate_hz - len(signal))))
        windows = judge(_loud_pieces(padded, front_end.rate_hz))
        if len(windows):
            phrases = judge(_loud_pieces(signal, _PHRASE_S * front_end.rate_hz))
            yield Heard(clip.label, clip.source, windows, phrases, judge(signal[None])[0])


def summary(heard: Sequence[Heard], noisy: Floats, bundle: Bundle) -> dict[str, Any]:
    """Return all figures: of single seconds, of whole clips, by source, and false alarms."""
    manifest = bundle.manifest
    instruments = [label for label in manifest.labels if label not in manifest.background]
    known = [h for h in heard if h.label in instruments]
    windows = _together([h.windows for h in known], [h.label for h in known], bundle)
    phrases = _together([h.phrases for h in known], [h.label for h in known], bundle)
    clips = _together([h.whole[None] for h in known], [h.label for h in known], bundle)
    columns = [manifest.labels.index(label) for label in instruments]
    on = np.array(manifest.threshold_on)[columns]
    background = [h.windows[:, columns] for h in heard if h.label in manifest.background]
    return {
        "windows_1s": msgspec.to_builtins(windows),
        "phrases_3s": msgspec.to_builtins(phrases),
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
    found: dict[str, dict[str, float]] = {}
    for source in sorted({h.source for h in heard}):
        own = [h for h in heard if h.source == source]
        labels = [h.label for h in own]
        cuts = {
            "windows_1s": [h.windows for h in own],
            "phrases_3s": [h.phrases for h in own],
            "clips": [h.whole[None] for h in own],
        }
        found[source] = {}
        for cut, parts in cuts.items():
            scores = _together(parts, labels, bundle)
            if scores.rows:
                found[source] |= {cut: scores.accuracy, f"{cut}_four": scores.accuracy_four}
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


def mean_probabilities(
    net: Net, calibration: Calibration, front_end: FrontEnd, frames: Floats
) -> Floats:
    """Map (B, T, width), each row a stream that begins, to the mean over time, (B, labels).

    What rests on less than a second counts less, as it does for `instrd classify`.
    """
    weights = worth(np.arange(1, frames.shape[1] + 1) * front_end.hop / front_end.rate_hz)
    rows = []
    for start in range(0, len(frames), _BATCH):
        batch = frames[start : start + _BATCH]
        state = np.zeros((len(batch), net.state_size), np.float32)
        logits, _ = net(batch, state)
        rows.append(np.average(calibration.probabilities(logits), axis=1, weights=weights))
    probabilities: Floats = np.concatenate(rows)
    return probabilities


def _judge_pieces(
    net: Net, calibration: Calibration, front_end: FrontEnd, pieces: Floats
) -> Floats:
    """Map pieces of sound (n, samples), each a stream that begins, to (n, labels)."""
    if not len(pieces):
        return np.empty((0, calibration.labels), np.float32)
    frames = np.stack([frames_of(front_end, piece) for piece in pieces])
    return mean_probabilities(net, calibration, front_end, frames)


def _loud_pieces(signal: Floats, length: int) -> Floats:
    """Cut whole pieces of so many samples and keep the loud ones, (n, length)."""
    pieces = signal[: len(signal) // length * length].reshape(-1, length)
    rms_dbfs = 10.0 * np.log10(np.mean(pieces.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud: Floats = pieces[rms_dbfs > _LEVEL_DBFS]
    return loud
