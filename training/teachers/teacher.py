"""The teacher: EfficientAT's mn04, which gives every window of sound 527 AudioSet tags.

Schmid et al. 2023, "Efficient large-scale audio tagging via transformer-to-CNN knowledge
distillation". Its weights are read from a folder that the caller names; none come with instrd.
"""

import pickle
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from instrd.training.errors import TrainingError
from instrd.training.teachers.opinions import read_tag_names
from instrd.training.teachers.teacher_net import TAGS, TeacherNet

Floats = NDArray[np.float32]

WEIGHTS = "efficientat_mn04_as_mAP_432.pt"
NAMES = "class_labels_indices.csv"
RATE_HZ = 32_000
BANDS = 128
_FFT = 1024
_WINDOW = 800
HOP = 320
_HIGHEST_HZ = 15_000.0
_PRE_EMPHASIS = 0.97
FLOOR = 1e-5
"""Power that is added to that of every band."""
SHORTEST = _FFT
"""Samples; the first and last frame see their ends mirrored."""


class Teacher:
    """Names what windows of sound hold, by tags of AudioSet.

    `tags` are the names of the columns of its logits. It computes on as many threads as torch
    has been told to.
    """

    def __init__(self, folder: Path) -> None:
        self.tags = _read_names(folder / NAMES)
        self._net = read_net(folder)
        self._mel = torch.from_numpy(kaldi_mel_matrix())
        self._window = torch.hann_window(_WINDOW, periodic=False)

    @torch.inference_mode()
    def logits(self, windows: Floats) -> Floats:
        """Map windows (B, samples) float32 of 32 kHz, full scale +-1, to logits (B, 527)."""
        if windows.shape[1] < SHORTEST:
            raise TrainingError(
                "teacher", f"got windows of {windows.shape[1]} samples, allowed {SHORTEST} or more"
            )
        frames = self._frames(torch.from_numpy(np.array(windows, np.float32)))
        logits: Floats = self._net(frames[:, None]).numpy()
        return logits

    def _frames(self, windows: Tensor) -> Tensor:
        """Return log-mel frames (B, bands, frames), scaled as the net learned them."""
        sharpened = windows[:, 1:] - _PRE_EMPHASIS * windows[:, :-1]
        spectrum = torch.stft(
            sharpened, _FFT, HOP, _WINDOW, self._window, center=True, return_complex=True
        )
        power = spectrum.real**2 + spectrum.imag**2
        return scaled((self._mel @ power + FLOOR).log())


def scaled(log_powers: Tensor) -> Tensor:
    """Return log powers as the net learned them."""
    return (log_powers + 4.5) / 5.0


def noise_power() -> NDArray[np.float64]:
    """Return the power in each band, (BANDS,), of white noise whose variance is the rate in Hz.

    The lowest bands are narrower than the distance of two bins; some hear nothing at all.
    """
    turns = np.exp(-2j * np.pi * np.arange(_FFT // 2 + 1) / _FFT)
    sharpened = np.abs(1.0 - _PRE_EMPHASIS * turns) ** 2
    window_power = 3.0 / 8.0 * (_WINDOW - 1)  # of a Hann window
    power: NDArray[np.float64] = RATE_HZ * window_power * (kaldi_mel_matrix() @ sharpened)
    return power


def kaldi_centres_hz() -> NDArray[np.float64]:
    """Return the frequency at which each band's triangle has its tip, (BANDS,)."""
    centres: NDArray[np.float64] = 700.0 * np.expm1(_corners()[1:-1] / 1127.0)
    return centres


def _corners() -> NDArray[np.float64]:
    """Return where triangles begin, have their tips and end, in mel, (BANDS + 2,)."""
    return np.linspace(0.0, 1127.0 * np.log1p(_HIGHEST_HZ / 700.0), BANDS + 2)


def kaldi_mel_matrix() -> Floats:
    """Return triangles over the power spectrum, (bands, fft // 2 + 1) float32, height 1.

    As Kaldi's `MelBanks` without warping: 1127 ln(1 + f / 700), corners evenly spaced from 0 Hz,
    and edges that are straight in mel, not in Hz. Kaldi leaves out the bin at half the rate.
    """
    mels = 1127.0 * np.log1p(np.fft.rfftfreq(_FFT, 1.0 / RATE_HZ) / 700.0)
    corners = _corners()[:, None]
    widths = np.diff(corners, axis=0)
    rising = (mels - corners[:-2]) / widths[:-1]
    falling = (corners[2:] - mels) / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles[:, -1] = 0.0
    narrow: Floats = triangles.astype(np.float32)
    return narrow


def _read_names(path: Path) -> tuple[str, ...]:
    names = read_tag_names(path)
    if len(names) != TAGS:
        raise TrainingError(path, f"got {len(names)} tags, allowed {TAGS}")
    return names


def read_net(folder: Path) -> TeacherNet:
    """Return the net of a teacher's folder, ready to judge; raises `TrainingError`."""
    net, path = TeacherNet(), folder / WEIGHTS
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(state)
    except OSError as error:
        raise TrainingError(path, f"cannot be read: {error.strerror}") from error
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(path, f"is no state of mn04: {reason}") from error
    return net.eval()
