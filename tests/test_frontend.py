import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio_anywhere import torchaudio

from instrd.models.frontend import FrameStream, FrontEnd, frames_of

SLANEY = FrontEnd()
HTK = FrontEnd(
    rate_hz=22_050,
    fft=2048,
    hop=512,
    bands=64,
    fmin_hz=0.0,
    fmax_hz=11_025.0,
    scale="htk",
    area_norm=False,
)
MFCC = FrontEnd(
    kind="mfcc",
    rate_hz=22_050,
    fft=2048,
    hop=512,
    bands=128,
    fmin_hz=0.0,
    fmax_hz=11_025.0,
    coefficients=20,
)
SPECTROGRAM = FrontEnd(
    kind="spectrogram", rate_hz=22_050, fft=1024, hop=512, fmin_hz=0.0, fmax_hz=11_025.0
)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def padded(front_end: FrontEnd, signal: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(front_end.fft - front_end.hop, np.float32), signal])


def librosa_mel(front_end: FrontEnd, signal: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=padded(front_end, signal).astype(np.float64),
        sr=front_end.rate_hz,
        n_fft=front_end.fft,
        hop_length=front_end.hop,
        center=False,
        n_mels=front_end.bands,
        fmin=front_end.fmin_hz,
        fmax=front_end.fmax_hz,
        htk=front_end.scale == "htk",
        norm="slaney" if front_end.area_norm else None,
    )
    in_db: np.ndarray = librosa.power_to_db(mel, amin=front_end.floor, top_db=None)
    return in_db


@pytest.mark.parametrize("front_end", [SLANEY, HTK])
def test_log_mel_is_librosas(front_end: FrontEnd) -> None:
    signal = noise(front_end.hop * 40)
    expected = librosa_mel(front_end, signal).T
    np.testing.assert_allclose(frames_of(front_end, signal), expected, atol=1e-4)


@pytest.mark.parametrize("front_end", [SLANEY, HTK])
def test_log_mel_is_torchaudios(front_end: FrontEnd) -> None:
    signal = noise(front_end.hop * 40)
    mel = torchaudio.transforms.MelSpectrogram(
        front_end.rate_hz,
        n_fft=front_end.fft,
        hop_length=front_end.hop,
        center=False,
        n_mels=front_end.bands,
        f_min=front_end.fmin_hz,
        f_max=front_end.fmax_hz,
        mel_scale=front_end.scale,
        norm="slaney" if front_end.area_norm else None,
    ).double()
    power = mel(torch.from_numpy(padded(front_end, signal)).double())
    expected = 10.0 * torch.log10(power.clamp(min=front_end.floor)).T.numpy()
    np.testing.assert_allclose(frames_of(front_end, signal), expected, atol=1e-4)


def test_mfcc_is_librosas() -> None:
    signal = noise(MFCC.hop * 40)
    expected = librosa.feature.mfcc(S=librosa_mel(MFCC, signal), n_mfcc=MFCC.coefficients).T
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(frames_of(MFCC, signal), expected, atol=tolerance)


def test_a_spectrogram_is_librosas() -> None:
    signal = noise(SPECTROGRAM.hop * 40)
    stft = librosa.stft(
        padded(SPECTROGRAM, signal).astype(np.float64),
        n_fft=SPECTROGRAM.fft,
        hop_length=SPECTROGRAM.hop,
        center=False,
    )
    expected = librosa.power_to_db(np.abs(stft) ** 2, amin=SPECTROGRAM.floor, top_db=None).T
    got = frames_of(SPECTROGRAM, signal)
    assert got.shape == (40, SPECTROGRAM.width) == (40, 513)
    audible = expected > -60.0  # below, single precision rounds the sum of a frame
    np.testing.assert_allclose(got[audible], expected[audible], atol=5e-3)


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 8000), max_size=12),
    front_end=st.sampled_from([SLANEY, MFCC, SPECTROGRAM]),
)
def test_frames_of_a_signal_cut_anywhere_are_those_of_the_whole(
    cuts: list[int], *, front_end: FrontEnd
) -> None:
    signal = noise(8000, seed=1)
    stream = FrameStream(front_end)
    pieces = [stream.feed(piece) for piece in np.split(signal, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate(pieces), frames_of(front_end, signal), atol=1e-4)


def test_every_hop_gives_one_frame_from_the_first_on() -> None:
    stream = FrameStream(SLANEY)
    counts = [len(stream.feed(noise(SLANEY.hop))) for _ in range(5)]
    assert counts == [1] * 5


def test_silence_is_the_floor_of_every_band() -> None:
    assert np.allclose(SLANEY.silence, -100.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"fmax_hz": 9000.0}, "8000"),
        ({"hop": 2048}, "hop 2048"),
        ({"rate_hz": 384_000, "hop": 1, "fft": 32_768}, "hop 1, .* 12582912000 values a second"),
        ({"rate_hz": 384_000, "hop": 1, "fft": 1}, "allowed 4000000"),
        ({"kind": "mfcc", "hop": 1, "fft": 2, "coefficients": 512}, "8192000 values"),
        ({"floor": 0.0}, "floor"),
        ({"floor": 1e-60}, "floor 1e-60"),
        ({"floor": 1e300}, "floor 1e[+]300"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, float | str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FrontEnd(**wrong)  # type: ignore[arg-type]
