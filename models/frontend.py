"""Log-mel, MFCC and spectrogram frames, computed once for training and daemon alike."""

from functools import lru_cache
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from instrd.models.mel import MelScale, cosine_matrix, mel_matrix

RateHz = Annotated[int, Meta(ge=1_000, le=384_000)]
Samples = Annotated[int, Meta(ge=1, le=32_768)]
Bands = Annotated[int, Meta(ge=1, le=512)]
_FLOORS = (1e-30, 1.0)  # whose single precision is neither 0 nor infinite
Floats = NDArray[np.float32]
MOST_VALUES_A_SECOND = 4_000_000
"""Of sound: samples that are framed, or bands that come of them; `base` frames 51,200."""


class FrontEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a feature stage; they belong to a model and travel in its bundle.

    Frames are in dB: `10 log10(max(mel power, floor))`, Hann window, power spectrum, as
    librosa's `power_to_db(melspectrogram(...), top_db=None)` and torchaudio's `MelSpectrogram`.
    An `mfcc` is the cosine transform of that; a `spectrogram` has the bins of the FFT for bands.
    """

    kind: Literal["log_mel", "mfcc", "spectrogram"] = "log_mel"
    rate_hz: RateHz = 16_000
    fft: Samples = 1024
    """Samples of one frame."""
    hop: Samples = 320
    """Samples between frames."""
    bands: Bands = 80
    fmin_hz: float = 30.0
    fmax_hz: float = 8000.0
    scale: MelScale = "slaney"
    area_norm: bool = True
    floor: float = 1e-10
    """Power below which a band counts as empty."""
    coefficients: Bands = 13
    """Of an MFCC; the other kinds ignore it, and a spectrogram all that concerns bands."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.fmin_hz < self.fmax_hz <= self.rate_hz / 2:
            msg = f"front-end: got {self.fmin_hz}..{self.fmax_hz} Hz, allowed 0..{self.rate_hz / 2}"
            raise ValueError(msg)
        if self.hop > self.fft:
            msg = f"front-end: got hop {self.hop}, allowed 1..{self.fft} (the frame)"
            raise ValueError(msg)
        values = self.rate_hz * max(self.fft, self.bands, self.width) // self.hop
        if values > MOST_VALUES_A_SECOND:
            msg = (
                f"front-end: got hop {self.hop}, which comes to {values} values a second of sound, "
                f"allowed {MOST_VALUES_A_SECOND}"
            )
            raise ValueError(msg)
        if not _FLOORS[0] <= self.floor <= _FLOORS[1]:
            msg = f"front-end: got floor {self.floor}, allowed {_FLOORS[0]}..{_FLOORS[1]}"
            raise ValueError(msg)

    @property
    def width(self) -> int:
        """Values of one frame."""
        widths = {"log_mel": self.bands, "mfcc": self.coefficients}
        return widths.get(self.kind, self.fft // 2 + 1)

    @property
    def silence(self) -> Floats:
        """The frame of digital silence, (width,)."""
        return self.frame(np.zeros(self.fft, np.float32))

    def frame(self, samples: Floats) -> Floats:
        """Return the frame, (width,), of `fft` samples."""
        frame: Floats = FrameStream(self).describe(samples[np.newaxis])[0]
        return frame


class FrameStream:
    """Cuts a growing signal into frames and computes only those that new samples complete.

    Frame k covers the `fft` samples that end at sample (k + 1) * hop, so every hop of
    samples gives one frame; what lies before the first sample counts as silence.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self._window, self._mel, self._cosine = _matrices(front_end)
        self._unframed = np.zeros(front_end.fft - front_end.hop, np.float32)

    def feed(self, samples: Floats) -> Floats:
        """Return the new frames, (frames, width) in dB; `samples` is (n,), full scale +-1."""
        fft, hop = self._front_end.fft, self._front_end.hop
        signal = np.concatenate((self._unframed, samples))
        count = (len(signal) - fft) // hop + 1 if len(signal) >= fft else 0
        self._unframed = signal[count * hop :]
        if count == 0:
            return np.empty((0, self._front_end.width), np.float32)
        step = signal.itemsize  # sliding_window_view would look at more than this hot path needs
        pieces = as_strided(signal, (count, fft), (hop * step, step), writeable=False)
        return self.describe(pieces)

    def describe(self, pieces: Floats) -> Floats:
        """Return the frames, (n, width) in dB, of pieces (n, fft); remembers nothing."""
        spectrum = np.fft.rfft(pieces * self._window)
        power = spectrum.real**2 + spectrum.imag**2
        bands = power if self._mel is None else power @ self._mel
        floored = np.maximum(bands, np.float32(self._front_end.floor))
        decibels: Floats = np.float32(10.0) * np.log10(floored)
        return decibels if self._cosine is None else decibels @ self._cosine


def frames_of(front_end: FrontEnd, signal: Floats) -> Floats:
    """All frames of a whole signal, (len(signal) // hop, width) in dB."""
    return FrameStream(front_end).feed(signal)


def mel_of(front_end: FrontEnd) -> Floats:
    """Return the mel filter bank of a front-end, (fft // 2 + 1, bands)."""
    return mel_matrix(
        rate_hz=front_end.rate_hz,
        fft=front_end.fft,
        bands=front_end.bands,
        fmin_hz=front_end.fmin_hz,
        fmax_hz=front_end.fmax_hz,
        scale=front_end.scale,
        area_norm=front_end.area_norm,
    )


@lru_cache(maxsize=16)
def _matrices(front_end: FrontEnd) -> tuple[Floats, Floats | None, Floats | None]:
    """Return the window, and the matrices to mel bands and to coefficients where they apply."""
    phase = 2.0 * np.pi * np.arange(front_end.fft) / front_end.fft
    hann = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
    if front_end.kind == "spectrogram":
        return hann, None, None
    mel = mel_of(front_end)
    if front_end.kind == "log_mel":
        return hann, mel, None
    return hann, mel, cosine_matrix(front_end.bands, front_end.coefficients)
