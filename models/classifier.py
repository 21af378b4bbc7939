"""From new frames to calibrated probabilities, for any number of streams at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Manifest
from instrd.models.contrast import contrast_of
from instrd.models.errors import BundleError
from instrd.models.frontend import FrontEnd
from instrd.models.net import Net

Floats = NDArray[np.float32]
Frames = Sequence[Floats]
"""One stream's new frames, (T, width) for each of the classifier's front-ends."""


@dataclass(slots=True)
class Memory:
    """What a classifier keeps of one stream between hops; only its own kind looks into `kept`."""

    kept: Any
    judged: Floats
    """The newest probabilities, (labels,); zeros before the first frame."""
    votes: Mapping[str, str] = field(default_factory=dict)
    """Of an ensemble: each member that has judged and the label it thinks likeliest."""


class Classifier(Protocol):
    """Judges streams of frames; holds no stream's memory itself, so it can be swapped."""

    @property
    def manifest(self) -> Manifest:
        """What this model is."""

    @property
    def front_ends(self) -> tuple[FrontEnd, ...]:
        """The kinds of frames that it takes, each once."""

    def start(self) -> Memory:
        """Return the memory of a stream that begins now, after silence."""

    def feed(self, frames: Sequence[Frames], memories: Sequence[Memory]) -> list[Floats]:
        """Take the new frames of each stream and return its probabilities (labels,).

        T may differ between streams; a stream with no new frame keeps its judgement. Raises
        `BundleError` where the net comes to what is no number.
        """


class CausalClassifier:
    """Serves a net that keeps state: each frame is computed once, streams share a batch."""

    def __init__(self, manifest: Manifest, net: Net) -> None:
        self.manifest = manifest
        self.front_ends = (manifest.front_end,)
        self._net = net
        self._calibration = Calibration(manifest)

    def start(self) -> Memory:
        kept = np.zeros(self._net.state_size, np.float32)
        return Memory(kept, np.zeros(len(self.manifest.labels), np.float32))

    def feed(self, frames: Sequence[Frames], memories: Sequence[Memory]) -> list[Floats]:
        streams_by_length: dict[int, list[int]] = defaultdict(list)
        for stream, (new,) in enumerate(frames):
            if len(new):
                streams_by_length[len(new)].append(stream)
        for streams in streams_by_length.values():
            self._advance([frames[s][0] for s in streams], [memories[s] for s in streams])
        return [memory.judged for memory in memories]

    def _advance(self, frames: list[Floats], memories: list[Memory]) -> None:
        logits, states = self._net(np.stack(frames), np.stack([m.kept for m in memories]))
        judged = self._calibration.probabilities(logits[:, -1])
        for memory, state, row in zip(memories, states, judged, strict=True):
            memory.kept, memory.judged = state, row


class WindowClassifier:
    """Serves a net that judges the newest window of frames."""

    def __init__(self, manifest: Manifest, net: Net) -> None:
        self.manifest = manifest
        self.front_ends = (manifest.front_end,)
        self._net = net
        self._calibration = Calibration(manifest)
        self._silence = np.tile(manifest.front_end.silence, (manifest.window_frames, 1))

    def start(self) -> Memory:
        return Memory(self._silence, np.zeros(len(self.manifest.labels), np.float32))

    def feed(self, frames: Sequence[Frames], memories: Sequence[Memory]) -> list[Floats]:
        window = self.manifest.window_frames
        changed = []
        for (new,), memory in zip(frames, memories, strict=True):
            if len(new):
                memory.kept = np.concatenate((memory.kept, new))[-window:]
                changed.append(memory)
        if changed:
            (logits,) = self._net(np.stack([memory.kept for memory in changed]))
            for memory, row in zip(changed, self._calibration.probabilities(logits), strict=True):
                memory.judged = row
        return [memory.judged for memory in memories]


class Calibration:
    """Turns logits into probabilities (Guo et al. 2017: temperature; Platt 1999: with bias)."""

    def __init__(self, manifest: Manifest) -> None:
        self._name = manifest.name
        self._multi_label = manifest.multi_label
        self._temperature = np.array(manifest.temperature, np.float32)
        self._bias = np.array(manifest.bias, np.float32)
        self._contrast = contrast_of(
            manifest.labels, manifest.background, manifest.contrast, manifest.background_contrast
        )
        self.labels = len(manifest.labels)

    def probabilities(self, logits: Floats) -> Floats:
        """Map (..., labels) logits to (..., labels) probabilities.

        Raises `BundleError` where they are none: a decision that took one in would stay broken.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            judged = self._judged(logits)
        if not np.isfinite(judged).all():
            raise BundleError(self._name, "its net judges a sound by numbers that are not finite")
        return judged

    def _judged(self, logits: Floats) -> Floats:
        scaled = logits / self._temperature + self._bias
        if self._multi_label:
            told = self._contrast.left(scaled)
            sigmoid: Floats = 1.0 / (1.0 + np.exp(-np.clip(told, -80.0, 80.0)))
            return sigmoid
        odds = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        softmax: Floats = odds / odds.sum(axis=-1, keepdims=True)
        return softmax
