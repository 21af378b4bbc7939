"""The demo piece as it is written: parts, phrases and form, in bars of four beats."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
MUSESCORE = Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3")

BEATS_PER_BAR = 4
TEMPO = ((0.0, 86.0), (74.0, 79.0), (75.0, 70.0), (76.0, 64.0))  # (beat, bpm), slowing at the end
LAST_BEAT = 81.3
REST_BEATS = (26.2, 28.0)  # bar 7: digital silence, so that a gate has something to close on

PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
DRUMS = {"kick": 36, "snare": 38, "hat": 42, "crash": 49, "tom1": 50, "tom2": 47, "tom3": 43}
STROKES = {"x": 104, "o": 78, "-": 48}  # velocities
DYNAMICS = {"p": 62, "mp": 72, "mf": 82, "f": 96}  # velocities, before accents
CHORDS = {
    "D": "D3+A3+D4+F#4",
    "A": "C#3+E3+A3+E4",
    "Bm": "B2+F#3+B3+D4+F#4",
    "G": "G2+D3+G3+B3+G4",
    "D6": "F#2+D3+A3+D4+F#4",
    "Em": "E2+B2+E3+G3+B3+E4",
    "As": "A2+E3+A3+D4+E4",
    "A7": "A2+E3+G3+C#4+E4",
}


@dataclass(frozen=True)
class Part:
    """One instrument's sound and its phrases, each ``(bar, notes)`` with ``pitch+pitch/beats``."""

    label: str
    program: int
    soundfont: Path
    level_dbfs: float  # of the stem while it sounds
    pan: int  # MIDI, 64 is the middle
    phrases: tuple[tuple[int, str], ...]
    pedal: bool = False  # strings ring on until the harmony changes
    bowed: bool = False  # swells and vibrato on long notes, for bow and breath
    strum_beats: float = 0.0


PICKED = (
    "f D3+F#4/.5 A3/.5 D4/.5 F#4/.5 C#3+E4/.5 A3/.5 C#4/.5 E4/.5 "
    "B2+D4/.5 F#3/.5 A3/.5 D4/.5 G2+B3/.5 D3/.5 G3/.5 B3/.25 D4/.25"
)
STRUMMED = "p D/.75 D/.25 D/.5 D/.5 A/.75 A/.25 A/.5 A/.5 Bm/.75 Bm/.25 Bm/.5 Bm/.5 G/.75 G/.25 G/1"
STRUMMED_ON = "p D6/.75 D6/.25 D6/.5 D6/.5 Em/.75 Em/.25 Em/.5 Em/.5 As/1 As/.5 As/.5 A7/1 A7/1"
LEFT_HAND = (
    "F#2/.5 D3/.5 A3/.5 D3/.5 E2/.5 B2/.5 G3/.5 B2/.5 "
    "A2/.5 E3/.5 A3/.5 D4/.5 A2/.5 E3/.5 A3/.5 C#4/.5"
)

PARTS = (
    Part(
        "guitar", 25, MUSESCORE, -22.0, 44, pedal=True, strum_beats=0.02,
        phrases=((1, PICKED), (12, STRUMMED), (16, STRUMMED), (18, STRUMMED_ON), (20, "D/4")),
    ),
    Part(
        "piano", 0, MUSESCORE, -21.0, 72, pedal=True,
        phrases=(
            (3, LEFT_HAND),
            (3, "f D4+A4/1 F#4+D5/.5 A4+F#5/.5 G4+E5/.75 D5/.25 G4+B4/1"),
            (4, "f F#4+A4+D5/1 A4+E5/.5 D5/.5 E4+A4+C#5/1 E5/.5 A5/.5"),
            (14, LEFT_HAND),
            (14, "A4+D5/1.5 A4/.5 G4+B4/1.5 B4/.5 A4+D5/1.5 D5/.5 G4+C#5/2"),
            (16, "D2+D3/2 C#2+C#3/2 B1+B2/2 G2/2 F#2/2 E2/2 A1+A2/2 A1+A2/2 D2+D3/4"),
            (16, "mp r/.5 F#4+A4+D5/1 F#4+A4/.5 r/.5 E4+A4+C#5/1 E4+A4/.5"),
            (17, "mp r/.5 F#4+B4+D5/1 F#4+B4/.5 r/.5 G4+B4+D5/1 G4+B4/.5"),
            (18, "mp r/.5 A4+D5+F#5/1 A4+D5/.5 r/.5 G4+B4+E5/1 G4+B4/.5"),
            (19, "mp r/.5 A4+D5+E5/1 A4+D5/.5 r/.5 G4+C#5+E5/1.5 F#4+A4+D5+F#5/4"),
        ),
    ),
    Part(
        "violin", 40, MUSESCORE, -20.0, 54, bowed=True,
        phrases=(
            (5, "f F#5/1.5 G5/.25 F#5/.25 E5/1 C#5/.5 E5/.5 D5/1 B4/.5 A4/.5 B4/.5 C#5/.5 D5/1.5"),
            (14, "A4/.5 D5/.5 F#5/1 E5/.5 G5/1.5 F#5/.5 E5/.5 D5/1 C#5/1 E5/.5 G5/.5"),
            (16, "A5/1.5 F#5/.5 E5/1 A5/1 F#5/1.5 D5/.5 B5/1 A5/.5 G5/.5"),
            (18, "F#5/1 A5/1 G5/1 E5/.5 F#5/.5 E5/1 D5/1 E5/1 C#5/1 D5/3.5"),
        ),
    ),
    Part(
        "flute", 73, MUSESCORE, -22.0, 80, bowed=True,
        phrases=(
            (8, "f D5/.5 E5/.5 F#5/1 A5/1 G5/.5 F#5/.5 E5/.75 F#5/.25 D5/.5 B4/.5 A4/1.5"),
            (16, "p r/2 C#6/.5 B5/.5 A5/1 r/2 D6/.5 B5/.5 D6/1"),
            (18, "p A5/2 B5/2 A5/1 B5/1 C#6/2 D6/3.5"),
        ),
    ),
    Part(
        "bass", 33, FLUID, -23.0, 64,
        phrases=(
            (16, "D2/1.5 D2/.5 C#2/1.5 C#2/.5 B1/1.5 B1/.5 G1/1.5 A1/.5"),
            (18, "F#1/1.5 F#1/.5 E1/1.5 E1/.5 A1/1.5 A1/.5 A1/1 C#2/1 D2/3.5"),
        ),
    ),
    Part(
        "drum", 0, FLUID, -20.0, 64,
        phrases=(
            (10, "kick x.....x.x......x hat x-o-x-o-x-o-x-o- snare ....x..-.-..x..-"),
            (11, "kick x.....x.x....... hat x-o-x-o-........ snare ....x..-xx......"),
            (11, "tom1 ..........xx.... tom2 ............xx.. tom3 ..............xx"),
            (12, "crash x kick x.....x.x...... hat ..o-x-o-x-o-x-o- snare ....x.......x"),
            (13, "kick x.....x.x......x hat x-o-x-o-x-o-x-o- snare ....x.......x.o."),
            (15, "tom1 ........oo...... tom2 ..........xx.... tom3 ............xxxx"),
            (16, "crash x kick x.....x.x......x hat ..o-x-o-x-o-x-o- snare ....x..-....x"),
            (17, "kick x.....x.x.x..... hat x-o-x-o-x-o-x-o- snare ....x..-....x.-o"),
            (18, "kick x.....x.x......x hat x-o-x-o-x-o-x-o- snare ....x..-....x..-"),
            (19, "kick x.......x....... hat x-o-x-o- snare ....x...x.xx.... tom3 ............x.xx"),
            (20, "crash x kick x"),
        ),
    ),
)  # fmt: skip


def pitch(name: str) -> int:
    """Return the MIDI number of a note name; C4 is 60."""
    return PITCH_CLASSES[name[0]] + name.count("#") + 12 * (int(name[-1]) + 1)


def notes(part: Part, bar: int, phrase: str) -> Iterator[tuple[float, float, int, int]]:
    """Yield ``(beat, beats, pitch, velocity)`` of a phrase as it is written."""
    beat = float((bar - 1) * BEATS_PER_BAR)
    tokens = phrase.split()
    if part.label == "drum":
        for name, row in zip(tokens[::2], tokens[1::2], strict=True):
            for step, stroke in enumerate(row):
                if stroke in STROKES:
                    yield beat + step / 4, 0.2, DRUMS[name], STROKES[stroke]
        return
    force = DYNAMICS["mf"]
    for index, token in enumerate(tokens):
        if token in DYNAMICS:
            force = DYNAMICS[token]
            continue
        names, beats = token.split("/")
        accent = 7 if beat % 2 == 0 else -5 if beat % 1 else 0
        arch = 10 * np.sin(np.pi * index / len(tokens))
        for name in CHORDS.get(names, names).split("+"):
            if name != "r":
                yield beat, float(beats), pitch(name), round(force + accent + arch)
        beat += float(beats)
