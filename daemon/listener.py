"""From captured hops to frames: level, gate, resamplers, front-ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.clients import protocol
from instrd.daemon.config import Config
from instrd.daemon.level import Gate, Level, measure
from instrd.daemon.resampler import Resampler
from instrd.models.classifier import Classifier
from instrd.models.frontend import FrameStream

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one hop brought. Positions are samples of the source."""

    first: int
    samples: int
    level: Level
    gate: protocol.Gate
    frames: tuple[Floats, ...]
    """The frames that the hop completed, (frames, width) for each front-end of the model."""
    window: tuple[int, int]
    """First and end position of the sound that the newest judgement looks back over."""

    @property
    def end(self) -> int:
        return self.first + self.samples


class Listener:
    """Keeps one source's place between samples and frames; `restart` it at every hole."""

    def __init__(self, rate_hz: int, classifier: Classifier, config: Config) -> None:
        self._rate_hz = rate_hz
        self._gate_levels = config.gate
        self._gate = self._closed_gate()
        self.adopt(classifier, 0)

    def adopt(self, classifier: Classifier, position: int) -> None:
        """Go on from `position` with the front-ends of another model; the gate stays as it is."""
        manifest = classifier.manifest
        self._front_ends = classifier.front_ends
        self._clocked_by = self._front_ends.index(manifest.front_end)
        self._samples_per_frame = (
            manifest.front_end.hop * self._rate_hz / manifest.front_end.rate_hz
        )
        self._looks_back = round(manifest.window_s * self._rate_hz)
        self._begin_frames(position)

    def restart(self, position: int) -> None:
        """Begin anew at `position`: what came before is not joined to what follows."""
        self._gate = self._closed_gate()
        self._begin_frames(position)

    def _closed_gate(self) -> Gate:
        levels = self._gate_levels
        hold = round(levels.hold_s * self._rate_hz)
        return Gate(open_dbfs=levels.open_dbfs, close_dbfs=levels.close_dbfs, hold=hold)

    def _begin_frames(self, position: int) -> None:
        self._start = position
        self._frames = 0
        rates_hz = {front_end.rate_hz for front_end in self._front_ends}
        self._resamplers = {to_hz: Resampler(self._rate_hz, to_hz) for to_hz in rates_hz}
        self._frame_streams = [(one, FrameStream(one)) for one in self._front_ends]

    def feed(self, first: int, samples: Floats, *, last: bool = False) -> Heard:
        """Take the next hop, (n,) at the capture rate; `last`: nothing follows, give up all."""
        level = measure(samples)
        frames = self._complete(samples, last=last)
        self._frames += len(frames[self._clocked_by])
        return Heard(
            first=first,
            samples=len(samples),
            level=level,
            gate=self._gate.feed(level.rms_dbfs, len(samples)),
            frames=frames,
            window=self._window(first + len(samples)),
        )

    def _complete(self, samples: Floats, *, last: bool) -> tuple[Floats, ...]:
        """Resample once for each rate and return the new frames of each front-end."""
        new = {hz: resampler.feed(samples) for hz, resampler in self._resamplers.items()}
        if last:
            for hz, resampler in self._resamplers.items():
                new[hz] = np.concatenate((new[hz], resampler.flush()))
        # At the end zeros complete the frame that it cut.
        return tuple(
            stream.feed(np.pad(new[one.rate_hz], (0, one.hop - 1)) if last else new[one.rate_hz])
            for one, stream in self._frame_streams
        )

    def _window(self, position: int) -> tuple[int, int]:
        end = min(position, self._start + round(self._frames * self._samples_per_frame))
        return max(self._start, end - self._looks_back), end
