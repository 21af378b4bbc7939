"""Scores on a library's notes: sorted into instruments, in tune, in time."""

from pathlib import Path

import numpy as np
import pytest
from melodies import write_melody
from sounds import tone

from instrd.training.stems.sampler import Pitched, _performed, instruments, pitch_of, play

RATE_HZ = 16_000


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def key(pitch: float, seconds: float = 1.0) -> np.ndarray:
    """Return a tone of a MIDI note number with some overtones."""
    hz = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    parts = [tone(hz * k, seconds, RATE_HZ, 0.3 / k) for k in (1, 2, 3)]
    together: np.ndarray = np.sum(parts, axis=0).astype(np.float32)
    return together


def scale(name: str, pitches: range) -> dict[str, np.ndarray]:
    return {f"{name}_{pitch}.wav": key(pitch) for pitch in pitches}


@pytest.mark.parametrize("pitch", [40.0, 57.5, 69.0, 90.0])
def test_a_note_has_the_pitch_that_it_was_made_with(pitch: float) -> None:
    assert pitch_of(key(pitch), RATE_HZ) == pytest.approx(pitch, abs=0.2)


def test_what_glides_or_hisses_or_is_too_short_has_no_pitch() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    glide = np.sin(2.0 * np.pi * (300.0 * time_s + 400.0 * time_s**2)).astype(np.float32)
    hiss = generator().normal(0.0, 0.1, RATE_HZ).astype(np.float32)
    assert [pitch_of(sound, RATE_HZ) for sound in (glide, hiss, key(60.0, 0.05))] == [None] * 3


def test_notes_are_sorted_by_the_instrument_that_their_names_begin_with() -> None:
    notes = scale("viola", range(48, 64)) | scale("violin", range(60, 80))
    assert [len(one.notes) for one in instruments(notes, RATE_HZ)] == [16, 20]


def test_names_that_begin_with_the_note_make_one_instrument() -> None:
    notes = {f"{pitch}_f_rr{take}.wav": key(pitch) for pitch in range(48, 64) for take in (1, 2)}
    found = instruments(notes, RATE_HZ)
    assert [len(one.notes) for one in found] == [32]
    assert (np.diff(found[0].pitches) >= 0.0).all()


def test_a_few_notes_or_a_narrow_range_make_no_instrument() -> None:
    assert instruments(scale("flute", range(60, 66)), RATE_HZ) == []
    assert instruments({f"drone_{k}.wav": key(60.0) for k in range(20)}, RATE_HZ) == []


def test_notes_beyond_what_the_label_plays_are_left_out() -> None:
    found = instruments(scale("bass", range(30, 70)), RATE_HZ, lowest=36, highest=55)
    assert [len(one.notes) for one in found] == [22]
    assert found[0].pitches[[0, -1]] == pytest.approx([35.0, 56.0], abs=0.3)


def test_a_note_of_a_score_sounds_in_tune_at_its_time_for_as_long_as_it_lasts() -> None:
    library = Pitched([key(pitch, 2.0) for pitch in (57.3, 69.3)], np.array([57.3, 69.3]))
    played = _performed(
        [(0.5, 1.5, 67, 100)], library, label="flute", rate_hz=RATE_HZ, rng=generator()
    )
    assert np.abs(played[: int(0.49 * RATE_HZ)]).max() == 0.0
    assert 1.35 * RATE_HZ < len(played) < 2.05 * RATE_HZ
    # An octave is a matter of the library's range; the note of the scale is not.
    pitch = pitch_of(played[RATE_HZ // 2 + 800 :], RATE_HZ)
    assert pitch is not None
    assert (pitch - 67.0 + 6.0) % 12.0 == pytest.approx(6.0, abs=0.2)


def test_the_keys_of_a_guitars_chord_are_struck_one_after_the_other() -> None:
    library = Pitched([key(pitch, 2.0) for pitch in range(40, 80)], np.arange(40.0, 80.0))
    chord = [(0.0, 1.0, pitch, 100) for pitch in (48, 52, 55, 60)]
    starts = []
    for label in ("guitar", "flute"):
        played = _performed(chord, library, label=label, rate_hz=RATE_HZ, rng=generator())
        levels = np.abs(played[: RATE_HZ // 4].reshape(-1, 40)).max(axis=1)
        starts.append(int(np.argmax(levels > 0.9 * levels.max())))
    assert starts[0] > starts[1]


def test_pieces_fill_the_track_below_full_scale(tmp_path: Path) -> None:
    score = write_melody(tmp_path / "score.mid")
    choice = instruments(scale("flute", range(60, 90)), RATE_HZ)
    filled = play(
        choice,
        [score],
        label="flute",
        length=20 * RATE_HZ,
        rate_hz=RATE_HZ,
        rng=generator(),
    )
    assert len(filled) == 20 * RATE_HZ
    assert np.abs(filled).max() == pytest.approx(0.7, abs=1e-3)
    assert (np.abs(filled.reshape(10, -1)).max(axis=1) > 0.01).all()
