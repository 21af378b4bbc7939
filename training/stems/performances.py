"""MIDI performances of every label, rendered through General MIDI soundfonts."""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray

from instrd.models.bundle import Credit
from instrd.training.errors import TrainingError

Floats = NDArray[np.float32]
Note = tuple[float, float, int, int]
"""(start s, end s, MIDI pitch, velocity)."""

_RENDER_HZ = 32_000
_TICKS_PER_S = 960  # mido's default 480 ticks a beat at 120 beats a minute
_DRUM_CHANNEL = 9
_NOT_LOADED = (b"not a SoundFont", b"Failed to load the SoundFont")
"""What fluidsynth says, and ends with exit code 0."""
PIECE_S = 18.0

SOUNDFONTS = {
    "FluidR3_GM": Credit("FluidR3 GM", "MIT", "Frank Wen, Toby Smithe et al."),
    "MuseScore_General_Full": Credit(
        "MuseScore General", "MIT", "S. Christian Collins, Frank Wen, Michael Cowgill et al."
    ),
    "sf_GMbank": Credit("Csound GM bank", "LGPL-2.1+", "Csound developers"),
    "GeneralUser-v1.47": Credit("GeneralUser GS", "GeneralUser GS 2.0", "S. Christian Collins"),
    "sonivox": Credit("Sonivox EAS", "Apache-2.0", "Sonic Network Inc."),
}
"""Whom to credit, by the stem of the file."""
GROOVE = Credit("Groove MIDI Dataset", "CC-BY-4.0", "Gillick et al. 2019, Google")
POP909 = Credit("POP909", "MIT", "Wang et al. 2020")


@dataclass(frozen=True)
class Voice:
    """How General MIDI plays a label: programs (repeated ones are drawn more) and range."""

    programs: tuple[int, ...]
    lowest: int
    highest: int
    chords: float = 0.0
    """Share of pieces that play chords."""


VOICES = {
    "bass": Voice((32, 33, 33, 34, 35, 36, 37, 38, 39, 43), 28, 55),
    "cello": Voice((42, 42, 42, 45), 36, 76),
    "clarinet": Voice((71,), 50, 86),
    "drum": Voice((0, 0, 8, 16, 24, 25, 32, 40), 0, 127),
    "flute": Voice((73, 73, 73, 72), 60, 96),
    "guitar": Voice((24, 24, 25, 25, 26, 27, 28, 29, 30, 31), 40, 79, 0.5),
    "organ": Voice((16, 17, 18, 19, 19, 20), 36, 88, 0.6),
    "piano": Voice((0, 0, 0, 1, 1, 2, 3, 4, 5), 28, 96, 0.7),
    "saxophone": Voice((64, 65, 66, 67), 44, 84),
    "trumpet": Voice((56, 56, 59), 54, 84),
    "violin": Voice((40, 40, 40, 40, 41, 41, 44, 45, 48, 49), 52, 96, 0.1),
    "voice": Voice((52, 53, 53, 54), 48, 81, 0.2),
    "other": Voice(
        (
            *(6, 7, 9, 11, 12, 13, 21, 22, 23, 46, 47, 57, 57, 58, 60, 60, 68, 68, 69, 70, 70),
            *(74, 75, 80, 81, 88, 90, 104, 105, 106, 107, 108, 109, 111, 114),
        ),
        40,
        88,
        0.2,
    ),
}


def scores_for(label: str, midi: Path) -> list[Path]:
    """Return the scores that a label plays; raises `TrainingError` where there are none."""
    pattern = "groove/**/*.mid" if label == "drum" else "pop909/*.mid"
    if not (scores := sorted(midi.glob(pattern))):
        raise TrainingError(midi, f"has no {pattern}")
    return scores


def normalised(sound: Floats) -> Floats:
    """Return a sound with its peak at 0.7 of full scale."""
    return sound * np.float32(0.7 / max(float(np.abs(sound).max()), 1e-6))


def perform(
    label: str, *, soundfont: Path, scores: Sequence[Path], minutes: float, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Render `minutes` of one label; returns mono float32 and its rate."""
    voice = VOICES[label]
    track = mido.MidiTrack()
    now_s = ticks = 0.0
    timed: list[tuple[int, mido.Message]] = []
    while now_s < minutes * 60.0:
        notes = piece(label, voice, scores[int(rng.integers(len(scores)))], rng)
        timed += _messages(notes, label, int(rng.choice(voice.programs)), now_s, rng)
        now_s += PIECE_S
    timed.sort(key=lambda pair: pair[0])
    for tick, message in timed:
        track.append(message.copy(time=int(tick - ticks)))
        ticks = tick
    file = mido.MidiFile()
    file.tracks.append(track)
    return _render(file, soundfont, room=rng.random() < 0.5), float(_RENDER_HZ)


def read_notes(path: Path, *, track: str | None = None) -> list[Note]:
    """Return the notes of a MIDI file (or of its track of that name), in order of start."""
    file = mido.MidiFile(path)
    kept = [t for t in file.tracks if track is None or t.name in (track, "") or t is file.tracks[0]]
    file.tracks[:] = kept
    sounding: dict[int, tuple[float, int]] = {}
    notes: list[Note] = []
    now_s = 0.0
    for message in file:
        now_s += message.time
        if message.type not in {"note_on", "note_off"}:
            continue
        if message.note in sounding:
            start_s, velocity = sounding.pop(message.note)
            notes.append((start_s, now_s, message.note, velocity))
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.note] = (now_s, message.velocity)
    return sorted(notes)


def check_labels(where: Path | str, labels: Iterable[str]) -> None:
    """Raise `TrainingError` of labels that no soundfont has a voice for."""
    if strange := [label for label in labels if label not in VOICES]:
        raise TrainingError(where, f"got label {', '.join(strange)}, allowed {', '.join(VOICES)}")


def check_soundfonts(soundfonts: Iterable[Path]) -> None:
    """Raise `TrainingError` of one that is not there, before anything is rendered."""
    for soundfont in soundfonts:
        if not soundfont.is_file():
            raise TrainingError(soundfont, "no such soundfont")


def piece(label: str, voice: Voice, score: Path, rng: np.random.Generator) -> list[Note]:
    """Choose a piece of a score and fit it to the instrument; times from 0 to `PIECE_S`."""
    chords = rng.random() < voice.chords
    if label == "drum":
        notes = read_notes(score)
    elif chords:
        notes = read_notes(score, track="PIANO")
    else:
        notes = _melody(read_notes(score, track=str(rng.choice(["MELODY", "MELODY", "BRIDGE"]))))
    if not notes:
        return []
    first_s = notes[int(rng.integers(max(1, len(notes) * 3 // 4)))][0]
    pace = 1.0 if label == "drum" else rng.uniform(0.7, 1.3)
    length = rng.choice([0.4, 0.8, 0.95, 1.0, 1.1])
    shift = 0 if label == "drum" else _transposition(notes, voice, rng)
    fitted = []
    for start_s, end_s, pitch, velocity in notes:
        begin_s = (start_s - first_s) * pace
        if not 0.0 <= begin_s < PIECE_S - 1.5:
            continue
        stop_s = min(begin_s + max(0.06, (end_s - start_s) * pace * length), PIECE_S - 1.0)
        pitch_in_range = pitch if label == "drum" else _folded(pitch + shift, voice)
        fitted.append((begin_s, stop_s, pitch_in_range, velocity))
    return fitted


def _melody(notes: Sequence[Note]) -> list[Note]:
    """Keep one note at a time: each ends where the next begins."""
    line: list[Note] = []
    for note in notes:
        if line and note[0] - line[-1][0] < 0.03:
            continue
        if line and line[-1][1] > note[0]:
            line[-1] = (line[-1][0], note[0], *line[-1][2:])
        line.append(note)
    return line


def _transposition(notes: Sequence[Note], voice: Voice, rng: np.random.Generator) -> int:
    """Move the piece's middle to a random place of the instrument's range."""
    middle = float(np.median([pitch for _, _, pitch, _ in notes]))
    span = voice.highest - voice.lowest
    wanted = voice.lowest + span * rng.uniform(0.2, 0.8)
    return round(wanted - middle)


def _folded(pitch: int, voice: Voice) -> int:
    while pitch < voice.lowest:
        pitch += 12
    while pitch > voice.highest:
        pitch -= 12
    return pitch


def _messages(
    notes: Sequence[Note], label: str, program: int, begin_s: float, rng: np.random.Generator
) -> Iterator[tuple[int, mido.Message]]:
    channel = _DRUM_CHANNEL if label == "drum" else 0
    loudness = rng.uniform(0.6, 1.2)
    vibrato = int(rng.choice([0, 0, 30, 70]))
    start = int(begin_s * _TICKS_PER_S)
    yield start, mido.Message("program_change", channel=channel, program=program)
    yield start, mido.Message("control_change", channel=channel, control=1, value=vibrato)
    for on_s, off_s, pitch, velocity in notes:
        struck = int(np.clip(velocity * loudness + rng.normal(0.0, 6.0), 20, 127))
        on, off = (int((begin_s + s) * _TICKS_PER_S) for s in (on_s, off_s))
        yield on, mido.Message("note_on", channel=channel, note=pitch, velocity=struck)
        yield max(off, on + 1), mido.Message("note_off", channel=channel, note=pitch)


def _render(file: mido.MidiFile, soundfont: Path, *, room: bool) -> Floats:
    effects = "1" if room else "0"
    with tempfile.TemporaryDirectory(prefix="instrd-render-") as folder:
        score, sound = Path(folder, "score.mid"), Path(folder, "sound.wav")
        file.save(score)
        command = ["fluidsynth", "-ni", "-q", "-R", effects, "-C", effects, "-r", str(_RENDER_HZ)]
        command += ["-o", "synth.dynamic-sample-loading=1", "-g", "0.4", "-O", "float"]
        # without a default font, which it plays in place of one that it cannot load
        command += ["-o", "synth.default-soundfont="]
        command += ["-F", str(sound), str(soundfont), str(score)]
        try:
            done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
        except (OSError, subprocess.CalledProcessError) as error:
            raise TrainingError(soundfont, f"fluidsynth cannot render with it: {error}") from error
        if any(said in done.stderr for said in _NOT_LOADED):
            raise TrainingError(soundfont, "is no soundfont that fluidsynth can load")
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    mono: Floats = samples.mean(axis=1)
    return mono
