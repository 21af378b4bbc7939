"""From captured hops to frames: level, gate, resampler, front-end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.daemon.config import Config
from instrd.daemon.level import Gate, GateState, Level, measure
from instrd.daemon.resampler import Resampler
from instrd.models.bundle import Manifest
from instrd.models.frontend import FrameStream

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one hop brought. Positions are samples of the source."""

    first: int
    samples: int
    level: Level
    gate: GateState
    frames: Floats
    """The frames that the hop completed, (frames, width)."""
    window: tuple[int, int]
    """First and end position of the sound that the newest judgement looks back over."""

    @property
    def end(self) -> int:
        return self.first + self.samples


class Listener:
    """Keeps one source's place between samples and frames; `restart` it at every hole."""

    def __init__(self, rate_hz: int, manifest: Manifest, config: Config) -> None:
        self._rate_hz = rate_hz
        self._gate_levels = config.gate
        self.adopt(manifest, 0)

    def adopt(self, manifest: Manifest, position: int) -> None:
        """Go on from `position` with the front-end of another model."""
        self._manifest = manifest
        self._samples_per_frame = (
            manifest.front_end.hop * self._rate_hz / manifest.front_end.rate_hz
        )
        self.restart(position)

    def restart(self, position: int) -> None:
        """Begin anew at `position`: what came before is not joined to what follows."""
        levels = self._gate_levels
        self._start = position
        self._frames = 0
        self._gate = Gate(
            open_dbfs=levels.open_dbfs,
            close_dbfs=levels.close_dbfs,
            hold=round(levels.hold_s * self._rate_hz),
        )
        self._resampler = Resampler(self._rate_hz, self._manifest.front_end.rate_hz)
        self._frame_stream = FrameStream(self._manifest.front_end)

    def feed(self, first: int, samples: Floats, *, last: bool = False) -> Heard:
        """Take the next hop, (n,) at the capture rate; `last`: nothing follows, give up all."""
        level = measure(samples)
        resampled = self._resampler.feed(samples)
        if last:
            # Zeros complete the frame that the end of the sound cut.
            rest = np.zeros(self._manifest.front_end.hop - 1, np.float32)
            resampled = np.concatenate((resampled, self._resampler.flush(), rest))
        frames = self._frame_stream.feed(resampled)
        self._frames += len(frames)
        return Heard(
            first=first,
            samples=len(samples),
            level=level,
            gate=self._gate.feed(level.rms_dbfs, len(samples)),
            frames=frames,
            window=self._window(first + len(samples)),
        )

    def _window(self, position: int) -> tuple[int, int]:
        end = min(position, self._start + round(self._frames * self._samples_per_frame))
        front_end = self._manifest.front_end
        length = round(self._manifest.window_samples * self._rate_hz / front_end.rate_hz)
        return max(self._start, end - length), end
