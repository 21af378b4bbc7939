"""A singer whom hidden Markov models learned from a real one: Sinsy, with the voice it comes with.

Oura et al. 2010, "Recent development of the HMM-based singing voice synthesis system - Sinsy". The
melodies are those of scores, the words random Japanese syllables; the throat is of another size in
each song, so that one singer becomes many.
"""

import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Credit
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import resample
from instrd.training.stems.performances import Note, normalised
from instrd.training.stems.singing import LEAST_NOTES, melody

Floats = NDArray[np.float32]

CREDIT = Credit(
    "NIT SONG070 F001, sung by Sinsy",
    "CC-BY-3.0",
    "HTS Working Group, Nagoya Institute of Technology",
)
_SYLLABLES = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわ"
    "がぎぐげござじずぜぞだでどばびぶべぼ"
)
_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_QUARTER = 48  # ticks
_TICKS_PER_S = 96.0  # at a tempo of 120
_SHORTEST = 12  # ticks: shorter notes are not sung
_SONG_S = 14.0
_MIDDLE = (58.0, 74.0)  # MIDI note numbers in the middle of a melody, where the singer is at ease
_MOVED = (-9.0, 4.0)  # semitones by which pitch and throat are moved together
_ALPHA = (0.48, 0.6)  # warp of frequencies; 0.55 is the singer's own
_SCORE = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="2.0"><part-list><score-part id="P1"><part-name>voice</part-name>
</score-part></part-list><part id="P1"><measure number="1"><attributes>
<divisions>{quarter}</divisions><key><fifths>0</fifths><mode>major</mode></key>
<time><beats>{beats}</beats><beat-type>4</beat-type></time>
<clef><sign>G</sign><line>2</line></clef></attributes>
<direction><sound tempo="120"/></direction>{notes}</measure></part></score-partwise>"""


def sing_trained(
    scores: Sequence[Path], *, minutes: float, rate_hz: int, rng: np.random.Generator
) -> Floats:
    """Return `minutes` of songs, one melody each; raises `TrainingError` where Sinsy is missing."""
    singer = _singer()
    songs: list[Floats] = []
    left = int(minutes * 60.0 * rate_hz)
    while left > 0:
        notes = melody(scores, rng)
        first = int(rng.integers(len(notes) - LEAST_NOTES + 1))
        sung, sung_hz = _sung(singer, score_of(notes[first : first + 24], rng), rng)
        moved = 2.0 ** (rng.uniform(*_MOVED) / 12.0)
        songs.append(normalised(resample(sung, sung_hz * moved, rate_hz)))
        left -= len(songs[-1])
    return np.concatenate(songs)


def score_of(notes: Sequence[Note], rng: np.random.Generator) -> str:
    """Return notes as MusicXML, one syllable each, in one long measure, a rest at both ends."""
    begin_s = notes[0][0]
    kept = [note for note in notes if note[0] - begin_s < _SONG_S]
    middle = float(np.median([note[2] for note in kept]))
    shift = round(rng.uniform(*_MIDDLE) - middle)
    written, length = [_rest(_QUARTER)], _QUARTER
    for start, end, pitch in _timed(kept, begin_s):
        if start + _QUARTER > length:
            written.append(_rest(start + _QUARTER - length))
            length = start + _QUARTER
        octave, step = divmod(pitch + shift, len(_STEPS))
        name = _STEPS[step]
        syllable = _SYLLABLES[int(rng.integers(len(_SYLLABLES)))]
        written.append(
            f"<note><pitch><step>{name[0]}</step><alter>{int('#' in name)}</alter>"
            f"<octave>{octave - 1}</octave></pitch><duration>{end - start}</duration>"
            f"<voice>1</voice><lyric><text>{syllable}</text></lyric></note>"
        )
        length += end - start
    last = 2 * _QUARTER - length % _QUARTER
    beats = (length + last) // _QUARTER
    return _SCORE.format(quarter=_QUARTER, beats=beats, notes="".join([*written, _rest(last)]))


def _timed(notes: Sequence[Note], begin_s: float) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and pitch of notes that do not overlap, in ticks."""
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        start, end = (int((s - begin_s) * _TICKS_PER_S) for s in note[:2])
        if following is not None:
            end = min(end, int((following[0] - begin_s) * _TICKS_PER_S))
        if end - start >= _SHORTEST:
            yield start, end, note[2]


def _rest(length: int) -> str:
    return f"<note><rest/><duration>{length}</duration><voice>1</voice></note>"


def _singer() -> Any:
    try:
        pysinsy: Any = import_module("pysinsy")  # an extra, built from source
    except ImportError as error:
        hint = "is not installed; run pip install 'instrd[singing]'"
        raise TrainingError("pysinsy", hint) from error
    singer = pysinsy.Sinsy()
    knows_words = singer.setLanguages("j", pysinsy.get_default_dic_dir())
    if not (knows_words and singer.loadVoices(pysinsy.get_default_htsvoice())):
        raise TrainingError("pysinsy", "lacks the words or the voice that it comes with")
    return singer


def _sung(singer: Any, score: str, rng: np.random.Generator) -> tuple[Floats, int]:
    with tempfile.TemporaryDirectory(prefix="instrd-sing-") as folder:
        file = Path(folder, "score.xml")
        file.write_text(score, encoding="utf-8")
        singer.clearScore()
        if not singer.loadScoreFromMusicXML(str(file)):
            raise TrainingError("pysinsy", "cannot read a score that was written for it")
        singer.setAlpha(float(rng.uniform(*_ALPHA)))
        sound, rate_hz = singer.synthesize()
    return np.asarray(sound, np.float32), int(rate_hz)
