"""The teacher reads its folder strictly, and hears 32 kHz sound in windows of any length."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_teacher import made_up_teacher, write_names

from instrd.training.errors import TrainingError
from instrd.training.teachers.teacher import (
    BANDS,
    NAMES,
    RATE_HZ,
    SHORTEST,
    WEIGHTS,
    Teacher,
    kaldi_mel_matrix,
)
from instrd.training.teachers.teacher_net import TAGS, TeacherNet, divisible

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_teacher(tmp_path_factory.mktemp("teacher"))


def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(0.0, 0.1, shape).astype(np.float32)


def test_it_gives_every_window_a_logit_for_every_tag(folder: Path) -> None:
    teacher = Teacher(folder)
    logits = teacher.logits(noise(3, RATE_HZ))
    assert logits.shape == (3, TAGS)
    assert logits.dtype == np.float32
    assert len(set(teacher.tags)) == TAGS
    assert teacher.tags[1] == "Tag, 1"


def test_a_window_is_heard_alike_alone_and_among_others(folder: Path) -> None:
    teacher, windows = Teacher(folder), noise(3, RATE_HZ)
    alone = np.concatenate([teacher.logits(window[None]) for window in windows])
    np.testing.assert_allclose(teacher.logits(windows), alone, atol=1e-4)


def test_overlapping_windows_of_one_read_only_signal_are_heard(folder: Path) -> None:
    signal = noise(2 * RATE_HZ)
    windows = np.lib.stride_tricks.sliding_window_view(signal, RATE_HZ)[:: RATE_HZ // 2]
    copies = np.stack([signal[start : start + RATE_HZ] for start in range(0, RATE_HZ + 1, 16_000)])
    teacher = Teacher(folder)
    np.testing.assert_allclose(teacher.logits(windows), teacher.logits(copies), atol=1e-6)


def test_a_tone_fills_the_frames_of_its_own_band(folder: Path) -> None:
    hz = 1000.0
    tone = np.sin(2.0 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    frames = Teacher(folder)._frames(torch.from_numpy(tone[None]))
    assert frames.shape == (1, BANDS, 100)
    per_band = math.log1p(15_000.0 / 700.0) / (BANDS + 1)
    expected = math.log1p(hz / 700.0) / per_band - 1.0
    assert abs(float(frames[0, :, 50].argmax()) - expected) <= 0.5


def test_digital_silence_has_the_frames_that_the_scaling_says(folder: Path) -> None:
    frames = Teacher(folder)._frames(torch.zeros(1, RATE_HZ))
    assert frames.min() == frames.max() == pytest.approx((math.log(1e-5) + 4.5) / 5.0)


def test_neighbouring_mel_triangles_add_up_to_one() -> None:
    triangles = kaldi_mel_matrix()
    assert triangles.shape == (BANDS, 513)
    np.testing.assert_allclose(triangles.sum(axis=0)[2:460], 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("wanted", "got"), [(6.4, 8), (25.6, 24), (28.8, 32), (12, 16), (384, 384)]
)
def test_counts_of_channels_are_multiples_of_eight(wanted: float, got: int) -> None:
    assert divisible(wanted) == got


def test_a_window_shorter_than_a_frame_is_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match=f"allowed {SHORTEST} or more"):
        Teacher(folder).logits(noise(1, SHORTEST - 1))


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_a_state_of_another_net_is_refused(change: str, tmp_path: Path) -> None:
    state = TeacherNet().state_dict()
    if change == "missing":
        del state["classifier.5.bias"]
    elif change == "unexpected":
        state["classifier.6.bias"] = torch.zeros(3)
    else:
        state["classifier.5.bias"] = torch.zeros(3)
    made_up_teacher(tmp_path)
    torch.save(state, tmp_path / WEIGHTS)
    with pytest.raises(TrainingError, match=r"is no state of mn04.*classifier"):
        Teacher(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no pickle", [1, 2]])
def test_a_file_that_is_no_state_is_refused(content: bytes | list[int], tmp_path: Path) -> None:
    made_up_teacher(tmp_path)
    if isinstance(content, bytes):
        (tmp_path / WEIGHTS).write_bytes(content)
    else:
        torch.save(content, tmp_path / WEIGHTS)
    with pytest.raises(TrainingError, match="is no state of mn04"):
        Teacher(tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS, NAMES])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    (made_up_teacher(tmp_path) / name).unlink()
    with pytest.raises(TrainingError, match=f"{name}: cannot be read"):
        Teacher(tmp_path)


def test_a_table_of_other_tags_is_refused(tmp_path: Path) -> None:
    write_names(made_up_teacher(tmp_path), 521)
    with pytest.raises(TrainingError, match="got 521 tags, allowed 527"):
        Teacher(tmp_path)
    (tmp_path / NAMES).write_text("a,b\n1,2\n")
    with pytest.raises(TrainingError, match="has no column 'display_name'"):
        Teacher(tmp_path)
