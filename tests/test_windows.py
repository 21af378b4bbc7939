"""Windows of frames: which are drawn, where they are cut, and that they can be drawn again."""

from collections import Counter
from pathlib import Path
from typing import Any

import miniature
import numpy as np
import pytest
from labelled_audio import RATE_HZ, write
from miniature import LOG_MEL, MFCC, WINDOW_FRAMES, changed, recipe, sound

from instrd.models.audiofile import read_audio
from instrd.models.frontend import frames_of
from instrd.training.clips.frame_cache import FrameCache
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.split import Example
from instrd.training.clips.windows import HOP_S, Windows

HALF = 0.1
"""How far half precision may be from the decibels of a frame."""


def clips(folder: Path, counts: dict[str, int], seconds: float = 0.6) -> tuple[Example, ...]:
    made = []
    for label, count in counts.items():
        for number in range(count):
            path = folder / f"{label}-{number}.wav"
            write(path, sound(label, number, seconds))
            made.append(Example(path, miniature.LABELS.index(label), label))
    return tuple(made)


def windows_of(chosen: ClipRecipe, examples: tuple[Example, ...], folder: Path) -> Windows:
    cache = FrameCache(chosen.front_end, folder / "frames")
    cache.fill(example.path for example in examples)
    return Windows(chosen, cache, examples)


def whole(example: Example) -> np.ndarray:
    signal, _ = read_audio(example.path)
    return frames_of(LOG_MEL, np.pad(signal, (0, LOG_MEL.hop - 1)))


def test_the_same_seed_epoch_and_number_give_the_same_window(tmp_path: Path) -> None:
    examples = clips(tmp_path, {"drum": 4, "guitar": 4})
    augmented = changed(recipe(), augmentation=miniature.ALL_AUGMENTATION)
    one, two = (windows_of(augmented, examples, tmp_path) for _ in range(2))
    draws = one.epoch(3)
    assert draws == two.epoch(3)
    assert draws != one.epoch(4)
    frames, labels = one.training_batch(draws, 3)
    assert frames.dtype == np.float32
    assert frames.shape == (8, WINDOW_FRAMES, LOG_MEL.width)
    # However an epoch is cut into batches, and shared out among processes.
    again = [two.training_batch(draws[start::2], 3) for start in range(2)]
    for start, (part, part_labels) in enumerate(again):
        np.testing.assert_array_equal(part, frames[start::2])
        np.testing.assert_array_equal(part_labels, labels[start::2])
    assert not np.array_equal(one.training_batch(draws, 4)[0], frames)
    other = windows_of(changed(augmented, seed=4), examples, tmp_path)
    assert not np.array_equal(other.training_batch(draws, 3)[0], frames)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc", "spectrogram"])
def test_every_kind_of_frames_can_be_augmented(kind: Any, tmp_path: Path) -> None:
    examples = clips(tmp_path, {"drum": 4, "violin": 4})
    chosen = changed(
        recipe(),
        front_end=changed_front_end(kind),
        labels=("drum",),
        other="other",
        augmentation=miniature.ALL_AUGMENTATION,
    )
    of_two = tuple(Example(e.path, min(e.label, 1), e.group) for e in examples)
    windows = windows_of(chosen, of_two, tmp_path)
    for epoch in range(5):
        frames, _ = windows.training_batch(windows.epoch(epoch), epoch)
        assert frames.shape[2] == chosen.front_end.width
        assert np.isfinite(frames).all()


def changed_front_end(kind: Any) -> Any:
    return {"log_mel": LOG_MEL, "mfcc": MFCC}.get(
        kind, type(LOG_MEL)(kind="spectrogram", rate_hz=RATE_HZ, fft=256, hop=128, fmax_hz=4000.0)
    )


@pytest.mark.parametrize("seconds", [0.2, 0.6])
def test_from_the_start_a_window_is_padded_or_cut_off(seconds: float, tmp_path: Path) -> None:
    (example,) = clips(tmp_path, {"guitar": 1}, seconds)
    windows = windows_of(recipe(placement="start"), (example,), tmp_path)
    (window,) = windows.plain_batch([example], 0)[0]
    frames = whole(example)[:WINDOW_FRAMES]
    np.testing.assert_allclose(window[: len(frames)], frames, atol=HALF)
    assert np.all(window[len(frames) :] == -100.0)
    np.testing.assert_array_equal(windows.of_clip(example), window[None])


def test_cut_anywhere_a_window_holds_more_than_a_faint_tail(tmp_path: Path) -> None:
    path = tmp_path / "hit.wav"
    write(path, np.pad(sound("drum", 1, 0.1), (0, 3 * RATE_HZ)))
    example = Example(path, 0, "")
    windows = windows_of(recipe(), (example,), tmp_path)
    loudest = whole(example).max()
    drawn = [windows.plain_batch([example], number)[0].max() for number in range(300)]
    loud = [level > loudest - 30.0 for level in drawn]
    by_chance = (WINDOW_FRAMES - 2) / len(whole(example))
    assert np.mean(loud) > 2.0 * by_chance


def test_balanced_drawing_shows_labels_equally_often_and_other_by_its_share(
    tmp_path: Path,
) -> None:
    examples = clips(tmp_path, {"drum": 12, "guitar": 3, "violin": 5})
    chosen = changed(recipe(other_share=0.2), labels=("drum", "guitar"), other="other")
    windows = windows_of(chosen, examples, tmp_path)
    drawn = Counter(d.example.label for epoch in range(100) for d in windows.epoch(epoch))
    shares = [drawn[label] / drawn.total() for label in range(3)]
    np.testing.assert_allclose(shares, [0.4, 0.4, 0.2], atol=0.03)


def test_balanced_drawing_shows_groups_by_the_root_of_their_size(tmp_path: Path) -> None:
    made = clips(tmp_path, {"drum": 10})
    examples = tuple(Example(e.path, 0, "b" if k else "a") for k, e in enumerate(made))
    windows = windows_of(recipe(), examples, tmp_path)
    drawn = Counter(d.example.group for epoch in range(200) for d in windows.epoch(epoch))
    assert drawn["a"] / drawn.total() == pytest.approx(0.25, abs=0.03)


def test_unbalanced_every_clip_is_shown_once_an_epoch(tmp_path: Path) -> None:
    examples = clips(tmp_path, {"drum": 5, "guitar": 2})
    windows = windows_of(recipe(balanced=False), examples, tmp_path)
    drawn = [draw.example for draw in windows.epoch(0)]
    assert sorted(drawn, key=str) == sorted(examples, key=str)
    assert drawn != [draw.example for draw in windows.epoch(1)]


@pytest.mark.parametrize(("seconds", "count"), [(0.1, 1), (0.6, 1), (1.1, 2), (2.6, 5)])
def test_a_clip_is_judged_by_a_window_every_half_second(
    seconds: float, count: int, tmp_path: Path
) -> None:
    (example,) = clips(tmp_path, {"violin": 1}, seconds)
    got = windows_of(recipe(), (example,), tmp_path).of_clip(example)
    assert got.shape == (count, WINDOW_FRAMES, LOG_MEL.width)
    end = round(HOP_S * RATE_HZ / LOG_MEL.hop)
    first = whole(example)[max(0, end - WINDOW_FRAMES) : end]
    heard = got[0][max(0, WINDOW_FRAMES - end) :][: len(first)]
    np.testing.assert_allclose(heard, first, atol=HALF)


def test_windows_from_the_onset_end_one_frame_later_each(tmp_path: Path) -> None:
    path, silent = tmp_path / "late.wav", 10
    write(path, np.pad(sound("guitar", 1), (silent * LOG_MEL.hop, 0)))
    example = Example(path, 1, "")
    got = windows_of(recipe(), (example,), tmp_path).from_onset(example, 6)
    frames = whole(example)
    for late, window in enumerate(got):
        end = silent + 1 + late
        np.testing.assert_allclose(window[-end:], frames[:end], atol=HALF)


def test_unaugmented_mfcc_windows_are_those_of_the_front_end(tmp_path: Path) -> None:
    (example,) = clips(tmp_path, {"guitar": 1})
    chosen = recipe("lstm", placement="start")
    windows = windows_of(chosen, (example,), tmp_path)
    signal, _ = read_audio(example.path)
    expected = frames_of(MFCC, signal)[:WINDOW_FRAMES]
    for frames, _ in (
        windows.plain_batch([example], 0),
        windows.training_batch(windows.epoch(0), 0),
    ):
        np.testing.assert_allclose(frames[0], expected, atol=HALF)
