"""Frames are computed once, kept in half precision, and computed anew when a clip changes."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from labelled_audio import RATE_HZ, write
from miniature import LOG_MEL, MFCC, sound

from instrd.models.frontend import frames_of
from instrd.training.clips.frame_cache import FrameCache, cache_folder


def filled(clip: Path, folder: Path) -> FrameCache:
    cache = FrameCache(LOG_MEL, folder)
    assert cache.fill([clip]) == ([clip], [])
    return cache


def test_it_holds_the_front_ends_frames_in_half_precision(tmp_path: Path) -> None:
    clip, signal = tmp_path / "a.wav", sound("guitar", 1)
    write(clip, signal)
    got = filled(clip, tmp_path / "frames").frames(clip)
    assert got.dtype == np.float16
    padded = np.pad(signal, (0, LOG_MEL.hop - 1))
    np.testing.assert_allclose(got, frames_of(LOG_MEL, padded), atol=0.1)


def test_a_clip_of_another_rate_is_resampled(tmp_path: Path) -> None:
    clip = tmp_path / "a.wav"
    write(clip, np.zeros(3 * RATE_HZ, np.float32), 3 * RATE_HZ)
    frames = filled(clip, tmp_path / "frames").frames(clip)
    assert len(frames) == -(-RATE_HZ // LOG_MEL.hop)


def test_a_sound_shorter_than_a_hop_has_one_frame(tmp_path: Path) -> None:
    clip = tmp_path / "a.wav"
    write(clip, np.ones(3, np.float32))
    assert filled(clip, tmp_path / "frames").frames(clip).shape == (1, LOG_MEL.width)


def test_nothing_is_computed_twice(tmp_path: Path) -> None:
    clip, asked = tmp_path / "a.wav", []

    def watch(things: Iterable[Any], _what: str, count: int) -> Iterable[Any]:
        asked.append(count)
        return things

    write(clip, sound("drum", 1))
    for _ in range(2):
        FrameCache(LOG_MEL, tmp_path / "frames").fill([clip, clip], watch)
    assert asked == [1, 0]


def test_a_changed_clip_is_computed_anew(tmp_path: Path) -> None:
    clip = tmp_path / "a.wav"
    write(clip, sound("drum", 1))
    before = filled(clip, tmp_path / "frames").frames(clip)
    write(clip, sound("violin", 1))
    os.utime(clip, ns=(1, 1))
    after = filled(clip, tmp_path / "frames").frames(clip)
    assert not np.array_equal(before, after)


def test_another_front_end_has_frames_of_its_own(tmp_path: Path) -> None:
    clip = tmp_path / "a.wav"
    write(clip, sound("drum", 1))
    filled(clip, tmp_path / "frames")
    wider = FrameCache(msgspec.structs.replace(LOG_MEL, bands=20), tmp_path / "frames")
    wider.fill([clip])
    assert wider.frames(clip).shape[1] == 20


def test_an_mfcc_is_kept_as_the_log_mel_that_it_is_made_from(tmp_path: Path) -> None:
    clip = tmp_path / "a.wav"
    write(clip, sound("guitar", 1))
    mfcc = FrameCache(MFCC, tmp_path / "frames")
    mfcc.fill([clip])
    np.testing.assert_array_equal(mfcc.frames(clip), filled(clip, tmp_path / "frames").frames(clip))


def test_what_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    good, text, nowhere, tiny = (tmp_path / f"{name}.wav" for name in "abcd")
    write(good, sound("drum", 1))
    text.write_text("no audio")
    nowhere.symlink_to(tmp_path / "gone.wav")
    write(tiny, np.ones(1, np.float32), 48_000)
    cache = FrameCache(LOG_MEL, tmp_path / "frames")
    readable, errors = cache.fill([good, text, nowhere, tiny])
    assert readable == [good]
    told = {error.path: error.reason for error in errors}
    assert "not readable as audio" in told[text]
    assert told[nowhere] == "no such file"
    assert "too short" in told[tiny]


def test_what_does_not_fit_into_memory_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instrd.training.clips.frame_cache._MOST_HELD_BYTES", 1)
    clip = tmp_path / "a.wav"
    write(clip, sound("drum", 1))
    cache = filled(clip, tmp_path / "frames")
    np.testing.assert_array_equal(cache.frames(clip), cache.frames(clip))


def test_frames_lie_among_the_users_caches_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "instrd" / "frames"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "instrd" / "frames"
