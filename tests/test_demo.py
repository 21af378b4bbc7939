"""The bundled piece is what its truth says."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from instrd.daemon.demo import Truth, demo_path, playing_s, truth

LABELS = {
    *("bass", "cello", "clarinet", "drum", "flute", "guitar"),
    *("organ", "piano", "saxophone", "trumpet", "violin", "voice"),
}
FOUR = {"drum", "guitar", "piano", "violin"}


@pytest.fixture(scope="module")
def told() -> Truth:
    return truth()


@pytest.fixture(scope="module")
def music() -> NDArray[np.float32]:
    return np.asarray(soundfile.read(demo_path(), always_2d=True)[0], dtype=np.float32)


def span(music: NDArray[np.float32], told: Truth, on_s: float, off_s: float) -> NDArray[np.float32]:
    return music[round(on_s * told.rate_hz) : round(off_s * told.rate_hz)]


def level_dbfs(samples: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def alone_s(told: Truth, label: str) -> float:
    """Return the longest time in which only this label sounds."""
    steps = np.arange(0, told.seconds, 0.01)
    only = np.zeros(len(steps), bool)
    for event in told.events:
        if event.label == label:
            only |= (steps >= event.t_on_s) & (steps < event.t_off_s)
    for event in told.events:
        if event.label != label:
            only &= (steps < event.t_on_s) | (steps >= event.t_off_s)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], only, [False])).astype(int)))
    return float(np.max(edges[1::2] - edges[::2], initial=0)) / 100


def test_the_piece_is_short_and_small() -> None:
    info = soundfile.info(demo_path())
    assert 40 <= info.duration <= 60
    assert demo_path().stat().st_size <= 1_500_000


def test_the_truth_describes_this_very_file(told: Truth) -> None:
    info = soundfile.info(demo_path())
    assert told.rate_hz == info.samplerate
    assert told.seconds == pytest.approx(info.duration, abs=0.001)
    assert "FluidR3" in told.credit
    assert "MuseScore General" in told.credit


def test_it_peaks_at_three_decibels_below_full_scale(music: NDArray[np.float32]) -> None:
    assert 20 * np.log10(np.abs(music).max()) == pytest.approx(-3, abs=1)


def test_every_label_is_one_of_ours_and_the_four_are_among_them(told: Truth) -> None:
    labels = {event.label for event in told.events}
    assert labels <= LABELS
    assert labels >= FOUR


@pytest.mark.parametrize("label", sorted(FOUR))
def test_each_of_the_four_plays_alone_for_five_seconds(told: Truth, label: str) -> None:
    assert alone_s(told, label) >= 5


def test_the_four_also_play_together(told: Truth) -> None:
    together = [
        at
        for at in np.arange(0, told.seconds, 0.1)
        if {event.label for event in told.events if event.t_on_s <= at < event.t_off_s} >= FOUR
    ]
    assert len(together) >= 50


def test_every_event_lies_inside_the_file_and_sounds(
    music: NDArray[np.float32], told: Truth
) -> None:
    for event in told.events:
        assert 0 <= event.t_on_s < event.t_off_s <= told.seconds
        assert level_dbfs(span(music, told, event.t_on_s, event.t_off_s)) > -50


def test_sound_begins_where_an_event_after_silence_begins(
    music: NDArray[np.float32], told: Truth
) -> None:
    first_after = [
        min(event.t_on_s for event in told.events if event.t_on_s >= silence.t_off_s - 0.05)
        for silence in told.silences
    ]
    for on_s in (told.events[0].t_on_s, *first_after):
        assert level_dbfs(span(music, told, on_s - 0.15, on_s - 0.05)) < -70
        assert level_dbfs(span(music, told, on_s + 0.05, on_s + 0.15)) > -50


def test_the_declared_silence_lasts_a_second_and_is_silent(
    music: NDArray[np.float32], told: Truth
) -> None:
    assert told.silences
    for silence in told.silences:
        assert silence.t_off_s - silence.t_on_s >= 1
        assert level_dbfs(span(music, told, silence.t_on_s, silence.t_off_s - 0.02)) < -80
        for event in told.events:
            assert event.t_off_s <= silence.t_on_s or event.t_on_s >= silence.t_off_s - 0.02


def test_of_a_part_of_the_piece_only_what_plays_in_it_counts(told: Truth) -> None:
    assert playing_s(0) == {}
    first = told.events[0]
    assert playing_s(first.t_on_s + 0.5) == {first.label: pytest.approx(0.5)}


def test_a_piece_that_begins_anew_plays_all_of_it_and_a_part(told: Truth) -> None:
    once, part = playing_s(told.seconds), playing_s(10)
    assert set(once) == {event.label for event in told.events}
    both = {label: seconds + part.get(label, 0) for label, seconds in once.items()}
    assert playing_s(told.seconds + 10) == pytest.approx(both)


def test_spans_close_short_gaps_and_keep_long_ones() -> None:
    demo = pytest.importorskip("instrd.training.demo", reason="needs the train extra")
    rate_hz = demo.RATE_HZ
    stem = np.zeros((6 * rate_hz, 2), np.float32)
    for on_s, off_s in ((1.0, 2.0), (2.4, 3.0), (4.0, 5.0)):
        stem[round(on_s * rate_hz) : round(off_s * rate_hz)] = 0.1
    assert demo.spans(stem) == [(1.0, 3.0), (4.0, 5.0)]


def test_a_missing_soundfont_is_named_with_the_package_that_brings_it(tmp_path: Path) -> None:
    demo = pytest.importorskip("instrd.training.demo", reason="needs the train extra")
    part = demo.Part("piano", 0, tmp_path / "none.sf2", -20.0, 64, ((1, "C4/1"),))
    with pytest.raises(demo.TrainingError, match=r"none\.sf2.*fluid-soundfont-gm"):
        demo.rendered(part)


def test_a_part_is_played_the_same_way_every_time_and_close_to_what_is_written() -> None:
    demo = pytest.importorskip("instrd.training.demo", reason="needs the train extra")
    for part in demo.PARTS:
        once, again = (list(demo.performance(part).tracks[0]) for _ in range(2))
        assert once == again
    violin = next(part for part in demo.PARTS if part.label == "violin")
    started = [event for event in demo.performance(violin) if event.type == "note_on"]
    assert len(started) == sum(len(list(demo.notes(violin, *phrase))) for phrase in violin.phrases)


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="needs fluidsynth")
def test_a_rendered_stem_sounds_when_the_truth_says(told: Truth) -> None:
    demo = pytest.importorskip("instrd.training.demo", reason="needs the train extra")
    violin = next(part for part in demo.PARTS if part.label == "violin")
    if not violin.soundfont.exists():
        pytest.skip("needs musescore-general-soundfont")
    expected = [(event.t_on_s, event.t_off_s) for event in told.events if event.label == "violin"]
    assert np.ravel(demo.spans(demo.rendered(violin))) == pytest.approx(np.ravel(expected), abs=0.1)
