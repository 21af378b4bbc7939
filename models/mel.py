"""The mel filter bank and the cosine transform, as matrices."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

MelScale = Literal["slaney", "htk"]

# Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic above.
_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_LOG_START_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL


def hz_to_mel(hz: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    above = np.log(np.maximum(hz, _LOG_START_HZ) / _LOG_START_HZ) / _LOG_STEP
    return np.where(hz < _LOG_START_HZ, hz / _LINEAR_HZ_PER_MEL, _LOG_START_MEL + above)


def mel_to_hz(mel: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    above = _LOG_START_HZ * np.exp(_LOG_STEP * np.maximum(mel - _LOG_START_MEL, 0.0))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, above)


def mel_matrix(
    *,
    rate_hz: int,
    fft: int,
    bands: int,
    fmin_hz: float,
    fmax_hz: float,
    scale: MelScale,
    area_norm: bool,
) -> NDArray[np.float32]:
    """Triangular filters over the power spectrum.

    Returns
    -------
    (fft // 2 + 1, bands) float32. With `area_norm` each triangle has the area of one band
    (Slaney's normalisation, librosa's default), else the height one.

    """
    ends = hz_to_mel(np.array([fmin_hz, fmax_hz]), scale)
    corners_hz = mel_to_hz(np.linspace(ends[0], ends[1], bands + 2), scale)
    bins_hz = np.fft.rfftfreq(fft, 1.0 / rate_hz)
    distance = corners_hz[None, :] - bins_hz[:, None]
    width = np.diff(corners_hz)
    rising = -distance[:, :-2] / width[:-1]
    falling = distance[:, 2:] / width[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    if area_norm:
        triangles *= 2.0 / (corners_hz[2:] - corners_hz[:-2])
    return triangles.astype(np.float32)


def cosine_matrix(bands: int, coefficients: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II, (bands, coefficients) float32."""
    phase = np.pi / bands * (np.arange(bands)[:, None] + 0.5) * np.arange(coefficients)[None, :]
    matrix = np.cos(phase) * np.sqrt(2.0 / bands)
    matrix[:, 0] /= np.sqrt(2.0)
    narrow: NDArray[np.float32] = matrix.astype(np.float32)
    return narrow
