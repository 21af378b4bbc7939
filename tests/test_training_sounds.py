from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from sounds import silence, tone

from instrd.models.mel import mel_to_hz
from instrd.training.errors import TrainingError
from instrd.training.stems.noises import applause, noises, traffic
from instrd.training.stems.organs import _ORGANS, _sound, play_organs, rotated
from instrd.training.stems.performances import VOICES, _folded, _melody, read_notes
from instrd.training.stems.phrases import chain, let_ring, trimmed
from instrd.training.stems.rooms import (
    clipped,
    equaliser,
    hum,
    noise,
    reverberated,
    room_responses,
)
from instrd.training.stems.singing import sing
from instrd.training.stems.sung_speech import _stretched, heard, sing_speech
from instrd.training.stems.tones import signals, tones

RATE_HZ = 16_000
Play = Callable[[int, int, np.random.Generator], np.ndarray]


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def score(tmp_path: Path) -> Path:
    """Eight notes of half a second each, one after the other."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="MELODY")])
    for pitch in (60, 62, 64, 65, 67, 69, 71, 72):
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, time=480))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "score.mid")
    return tmp_path / "score.mid"


def test_a_note_loses_the_silence_around_it() -> None:
    quiet, note = silence(0.1, RATE_HZ), tone(440.0, 0.5, RATE_HZ)
    assert len(trimmed(np.concatenate([quiet, note, quiet]))) == pytest.approx(len(note), abs=4)
    assert len(trimmed(quiet)) == 0


@pytest.mark.parametrize("label", ["flute", "piano", "drum"])
def test_chained_notes_fill_the_track_below_full_scale(label: str) -> None:
    notes = [tone(hz, 0.6, RATE_HZ) for hz in (300.0, 400.0, 500.0)]
    track = chain(notes, label=label, whole=False, length=5 * RATE_HZ, rng=generator())
    assert len(track) == 5 * RATE_HZ
    assert np.abs(track).max() == pytest.approx(0.7, abs=1e-3)
    quarters = track.reshape(4, -1)
    assert (np.abs(quarters).max(axis=1) > 0.01).all()


def test_a_note_that_rings_lasts_as_long_as_it_was_recorded() -> None:
    note = tone(300.0, 2.0, RATE_HZ)
    track = let_ring([note], label="flute", length=40 * RATE_HZ, rng=generator())
    assert np.abs(track).max() == pytest.approx(0.7, abs=1e-3)
    sounding = np.abs(track.reshape(-1, 160)).max(axis=1) > 1e-3
    edges = np.flatnonzero(np.diff(sounding.astype(np.int8), prepend=0, append=0))
    lengths_s = (edges[1::2] - edges[::2])[:-1] * 0.01  # the last one is cut off
    assert len(lengths_s) > 2
    assert lengths_s.min() > 2.0 * 2.0 ** (-2.0 / 12.0) - 0.02


def test_keys_that_ring_together_make_chords() -> None:
    notes = [tone(hz, 1.0, RATE_HZ) for hz in (300.0, 400.0, 500.0)]
    peaks = {}
    for label in ("flute", "piano"):
        track = let_ring(notes, label=label, length=60 * RATE_HZ, rng=generator())
        seconds = np.abs(np.fft.rfft(track.reshape(60, -1), axis=1))[:, 250:600]
        peaks[label] = np.mean((seconds > 0.3 * seconds.max(axis=1, keepdims=True)).sum(axis=1))
    assert peaks["piano"] > peaks["flute"]


def test_whole_recordings_follow_each_other_uncut() -> None:
    phrase = tone(300.0, 1.0, RATE_HZ, 0.2)
    track = chain([phrase], label="violin", whole=True, length=2 * RATE_HZ, rng=generator())
    assert np.corrcoef(track[:RATE_HZ], phrase)[0, 1] > 0.999


def test_the_notes_of_a_score_are_read_in_seconds(score: Path) -> None:
    notes = read_notes(score, track="MELODY")
    assert len(notes) == 8
    assert notes[1] == pytest.approx((0.5, 1.0, 62, 90))


def test_a_melody_has_one_note_at_a_time() -> None:
    line = _melody([(0.0, 2.0, 60, 90), (0.01, 2.0, 64, 90), (1.0, 3.0, 67, 90)])
    assert [(note[0], note[1]) for note in line] == [(0.0, 1.0), (1.0, 3.0)]


@pytest.mark.parametrize("label", VOICES)
def test_every_pitch_is_brought_into_the_range_of_its_instrument(label: str) -> None:
    voice = VOICES[label]
    folded = [_folded(pitch, voice) for pitch in range(128)]
    assert voice.lowest <= min(folded)
    assert max(folded) <= voice.highest


def test_a_sung_note_has_the_pitch_of_its_glide_and_no_more_than_full_scale(score: Path) -> None:
    song = sing([score], minutes=0.05, rate_hz=RATE_HZ, rng=generator())
    assert len(song) >= 3 * RATE_HZ
    assert np.isfinite(song).all()
    assert np.abs(song).max() == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize("kind", _ORGANS)
def test_a_key_of_an_organ_sounds_at_its_pitch_while_it_is_down(kind: str) -> None:
    organ = _ORGANS[kind](generator())
    sound = _sound([(0.2, 1.2, 69, 100)], organ, RATE_HZ, generator())
    down = np.abs(np.fft.rfft(sound[RATE_HZ // 2 : RATE_HZ])) ** 2
    of_a = np.arange(110, 4000, 110)  # bins are 2 Hz wide, 16' stops sound at 220 Hz
    assert down[np.add.outer(of_a, np.arange(-3, 4))].sum() > 0.7 * down.sum()
    assert np.abs(sound[: int(0.2 * RATE_HZ)]).max() == 0.0
    assert np.abs(sound[int(1.7 * RATE_HZ) :]).max(initial=0.0) < 0.05 * np.abs(sound).max()


def test_organs_play_scores_and_long_notes_for_as_long_as_is_asked(score: Path) -> None:
    track = play_organs([score], minutes=0.3, rate_hz=RATE_HZ, rng=generator())
    assert len(track) >= 18 * RATE_HZ
    assert np.isfinite(track).all()
    assert np.abs(track).max() == pytest.approx(0.7, abs=1e-3)


def test_a_speaker_that_turns_moves_level_and_pitch_up_and_down() -> None:
    turning = rotated(tone(1000.0, 4.0, RATE_HZ), RATE_HZ, generator())
    assert len(turning) == 4 * RATE_HZ
    levels = np.sqrt(np.mean(turning[: 4 * RATE_HZ].reshape(-1, 160) ** 2, axis=1))
    assert levels.max() > 1.05 * levels.min()
    spectrum = np.abs(np.fft.rfft(turning)) ** 2
    assert spectrum[4001:4050].sum() > 1e-4 * spectrum.sum()


def spoken() -> np.ndarray:
    """Three syllables: noise, then a buzz of 150 Hz that sounds like a vowel, then silence."""
    rng = generator()
    buzz = sum(tone(150.0 * k, 0.3, RATE_HZ, 0.2 / k) for k in range(1, 20))
    hiss = 0.05 * rng.normal(0.0, 1.0, RATE_HZ // 20)
    return np.tile(np.concatenate([hiss, buzz, silence(0.2, RATE_HZ)]), 3).astype(np.float32)


def test_what_is_voiced_of_speech_makes_its_syllables() -> None:
    speech = heard(spoken(), RATE_HZ)
    assert len(speech.syllables) == 3
    assert speech.pitch == pytest.approx(69.0 + 12.0 * np.log2(150.0 / 440.0), abs=0.5)
    for begin, vowel, end in speech.syllables:
        assert begin <= vowel
        assert (end - vowel) * 80 == pytest.approx(0.3 * RATE_HZ, rel=0.2)
    assert not heard(silence(1.0, RATE_HZ), RATE_HZ).syllables
    assert not heard(generator().normal(0.0, 0.1, RATE_HZ).astype(np.float32), RATE_HZ).syllables


def test_a_long_note_holds_the_middle_of_a_vowel_after_its_consonant() -> None:
    rows = _stretched((10, 16, 40), 200, generator())
    assert len(rows) == 200
    assert rows[:6].tolist() == [10, 11, 12, 13, 14, 15]
    assert ((rows[6:] >= 16) & (rows[6:] < 40)).all()
    middle = np.abs(rows[6:] - 28) < 8
    assert middle.mean() > 0.5


def test_a_speaker_sings_the_melody_with_her_own_voice(tmp_path: Path, score: Path) -> None:
    recording = tmp_path / "words.wav"
    soundfile.write(recording, spoken(), RATE_HZ)
    song = sing_speech([recording], [score], minutes=0.05, rate_hz=RATE_HZ, rng=generator())
    assert np.isfinite(song).all()
    assert np.abs(song).max() == pytest.approx(0.7, abs=1e-3)
    sung = heard(song, RATE_HZ)
    assert sung.voiced.mean() > 0.6
    assert 43.0 - 7.0 < sung.pitch < 79.0 + 7.0


def test_without_a_syllable_or_a_melody_nobody_sings(tmp_path: Path, score: Path) -> None:
    recording, words = tmp_path / "hiss.wav", tmp_path / "words.wav"
    soundfile.write(recording, generator().normal(0.0, 0.1, RATE_HZ), RATE_HZ)
    soundfile.write(words, spoken(), RATE_HZ)
    mido.MidiFile().save(tmp_path / "empty.mid")
    with pytest.raises(TrainingError, match="got no syllable"):
        sing_speech([recording], [score], minutes=0.05, rate_hz=RATE_HZ, rng=generator())
    with pytest.raises(TrainingError, match="got no melody of 8 notes"):
        sing_speech(
            [words], [tmp_path / "empty.mid"], minutes=0.05, rate_hz=RATE_HZ, rng=generator()
        )


def test_noise_of_every_colour_has_the_rms_one() -> None:
    rng = generator()
    rms = [np.sqrt(np.mean(noise(RATE_HZ, rng) ** 2)) for _ in range(12)]
    assert rms == pytest.approx([1.0] * 12, abs=1e-3)


def test_hum_has_its_power_at_harmonics_of_the_mains() -> None:
    lowest_hz = set()
    for seed in range(40):
        sound = hum(2 * RATE_HZ, RATE_HZ, np.random.default_rng(seed))
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(1.0, abs=1e-3)
        powers = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        lines = np.flatnonzero(powers > 0.05 * powers.max()) / 2.0
        off_hz = min(np.abs(lines - hz * np.round(lines / hz)).max() for hz in (50.0, 60.0))
        assert off_hz < 4.0  # mains are off by up to 0.2 %
        lowest_hz.add(round(lines[0], -1))
    assert {50.0, 60.0, 100.0, 120.0} <= lowest_hz


@pytest.mark.parametrize("kind", [noises, tones])
def test_noises_and_tones_fill_their_track_below_full_scale(kind: Play) -> None:
    track = kind(20 * RATE_HZ, RATE_HZ, generator())
    assert len(track) == 20 * RATE_HZ
    assert 0.05 < np.abs(track).max() < 1.0
    assert (np.abs(track.reshape(20, -1)).max(axis=1) > 1e-3).all()


@pytest.mark.parametrize("kind", [applause, traffic, signals])
def test_crowds_roads_and_signals_are_as_long_as_asked_and_as_loud_as_other_noises(
    kind: Play,
) -> None:
    for seed, size in enumerate((1, 800, 3 * RATE_HZ)):
        sound = kind(size, RATE_HZ, np.random.default_rng(seed))
        assert sound.shape == (size,)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() <= 0.3 + 1e-6


def test_few_hands_are_heard_one_by_one_and_many_are_a_noise() -> None:
    crests = []
    for seed in range(60):
        sound = applause(4 * RATE_HZ, RATE_HZ, np.random.default_rng(seed))
        crests.append(np.abs(sound).max() / np.sqrt(np.mean(sound**2)))
    assert min(crests) < 8.0
    assert max(crests) > 16.0


def test_a_room_passes_the_direct_sound_first_and_keeps_the_length() -> None:
    response = room_responses(RATE_HZ, generator())[0]
    click = np.zeros(4000, np.float32)
    click[100] = 1.0
    heard = reverberated(click, response)
    assert len(heard) == 4000
    assert np.abs(heard[:100]).max() < 1e-5
    assert abs(heard[100]) > 0.5


def test_rooms_are_near_and_far() -> None:
    tails = [np.sum(response[1:] ** 2) for response in room_responses(RATE_HZ, generator())]
    against_direct_db = 10.0 * np.log10(tails)
    assert (against_direct_db > 0.0).mean() > 0.2
    assert (against_direct_db < -5.0).mean() > 0.2
    assert against_direct_db.max() < 12.0


def test_a_soft_clipper_keeps_the_peak_and_lifts_what_is_below() -> None:
    wave = tone(440.0, 0.1, RATE_HZ)
    driven = clipped(wave, 4.0)
    assert np.abs(driven).max() == pytest.approx(np.abs(wave).max(), rel=1e-3)
    assert np.sqrt(np.mean(driven**2)) > 1.1 * np.sqrt(np.mean(wave**2))


def test_equalisers_differ_and_are_smooth_enough_to_be_filters() -> None:
    centres = mel_to_hz(np.linspace(1.0, 45.0, 80), "slaney")
    rng = generator()
    curves = [equaliser(centres, rng) for _ in range(40)]
    assert np.std([curve[40] for curve in curves]) > 1.0
    assert max(np.abs(np.diff(curve)).max() for curve in curves) < 30.0
