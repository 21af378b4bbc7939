"""How good a bundle is on sources that it was not trained on, through its ONNX file."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Bundle, Manifest, read_bundle, write_bundle
from instrd.models.classifier import Calibration
from instrd.models.frontend import FrontEnd, frames_of
from instrd.models.net import Net, OnnxNet
from instrd.models.pooling import worth
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import Clip, divide, listen, read_pools
from instrd.training.judged import LEVEL_DBFS, Judged, summary
from instrd.training.mixtures.export import rounded
from instrd.training.mixtures.fitted import recipe_of
from instrd.training.mixtures.pairs import judge_pairs
from instrd.training.stems.rooms import noise

Floats = NDArray[np.float32]

_BATCH = 64
_STRETCH = 500  # frames in a call: a net's memory grows with the square of them
_PHRASE_S = 3
_NOISE_S = 120


def evaluate(folder: Path, roots: Sequence[Path]) -> dict[str, Any]:
    """Measure a bundle on the held-out clips of its recipe, write that into its manifest.

    Raises `TrainingError`, of a bundle that no recipe of stems made too.
    """
    bundle = read_bundle(folder)
    recipe = recipe_of(folder)
    if "held_out" in recipe.fit.parts:
        raise TrainingError(folder, "has heard all sources; evaluate the run that it began with")
    _, test = divide(read_pools(roots), recipe.split)
    heard = list(listen_to(bundle, test))
    instruments = set(bundle.manifest.labels) - set(bundle.manifest.background)
    if not any(one.label in instruments for one in heard):
        reason = "holds no clip of an instrument to be heard that the recipe holds out; see [split]"
        raise TrainingError(", ".join(map(str, roots)), reason)
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    judge = partial(mean_probabilities, net, calibration, bundle.manifest.front_end)
    noisy = judge(_noise_frames(bundle, recipe.seed))
    known = [clip for clip in test if clip.label in instruments]
    measured: dict[str, Any] = rounded(_measured(heard, noisy, bundle.manifest))
    measured["pairs_1s"] = rounded(judge_pairs(judge, known, bundle.manifest, seed=recipe.seed))
    metrics = {**bundle.manifest.metrics, "held_out": measured}
    manifest = msgspec.structs.replace(bundle.manifest, metrics=metrics)
    write_bundle(folder, manifest, {})
    return measured


def listen_to(bundle: Bundle, clips: Sequence[Clip]) -> Iterator[Judged]:
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
            pieces = {"windows_1s": windows, "phrases_3s": phrases, "clips": judge(signal[None])}
            yield Judged(clip.label, clip.source, pieces)


def _measured(heard: Sequence[Judged], noisy: Floats, manifest: Manifest) -> dict[str, Any]:
    """Return the figures of the instruments, and how often background or noise shows one."""
    instruments = [label for label in manifest.labels if label not in manifest.background]
    columns = [manifest.labels.index(label) for label in instruments]
    on = np.array(manifest.threshold_on)[columns]
    background = [h.pieces["windows_1s"] for h in heard if h.label in manifest.background]
    alarms = _any_on(np.concatenate(background)[:, columns], on) if background else 0.0
    return {
        **summary([h for h in heard if h.label in instruments], manifest),
        "false_alarms": {"background": alarms, "noise": _any_on(noisy[:, columns], on)},
    }


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
        judged = calibration.probabilities(_logits(net, batch))
        rows.append(np.average(judged, axis=1, weights=weights))
    probabilities: Floats = np.concatenate(rows)
    return probabilities


def _logits(net: Net, frames: Floats) -> Floats:
    """Map (B, T, width), however long, to (B, T, labels)."""
    state = np.zeros((len(frames), net.state_size), np.float32)
    stretches = []
    for start in range(0, frames.shape[1], _STRETCH):
        logits, state = net(frames[:, start : start + _STRETCH], state)
        stretches.append(logits)
    return np.concatenate(stretches, axis=1)


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
    loud: Floats = pieces[rms_dbfs > LEVEL_DBFS]
    return loud
