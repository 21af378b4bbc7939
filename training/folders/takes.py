"""Which recordings were made together, told from their file names."""

import re

_SAYS_NOTHING = {"sound", "sounds", "sample", "audio", "clip", "file", "recording", "track", "note"}
_ROOM = re.compile(r"(?:room )?room\d* mus (\w+)(?: dev \w+)?")
_FRONT = re.compile(r"^(\d{1,2} (?=[a-z])|slow |fast )")
_END = re.compile(r" (\(\d+\)|\d{1,3}|0\d+|take ?\d+|\d{2,3} ?bpm)$")
_DRUM_PART = re.compile(r"(?<=\d)((hh|kd|sd)train|mix)$")
_TELLING = re.compile(r"[a-z]{3}|[a-z].*\d{4}")
_DYNAMICS = {"pp", "mp", "mf", "ff"}
_PITCH_OR_STRING = re.compile(r"[a-g](#|b)?\d|\dcr?")


def take_group(stem: str, label: str) -> str:
    """Return the name of what this file is one take of, or "" where its name says nothing.

    Dropped is what tells takes apart: a number at the end (`Kick (3)`, `bass-07`, `riff take 2`),
    a tempo (`rock_2_100BPM` and `slow_rock_2_100BPM`), a number before an underscore
    (`11_telmanyi_bwv1003`), the drum of a multitrack (`RealDrum01_12KDtrain`), room and device of
    a piece played again in many rooms (`ROOM_room3_MUS_joplin_DEV_lg`), pitch, dynamics and
    string of single notes (`Va-ord-F4-mf-2c`). Longer numbers name a recording in a library
    (`guitar-solo-27194`) and stay. What is left must say more than the label.
    """
    name = re.sub(r"[_\-\s]+", " ", stem.lower()).strip()
    if room := _ROOM.fullmatch(name):
        return f"{label}: room piece {room[1]}"
    name = _DRUM_PART.sub("", _END.sub("", _FRONT.sub("", name)))
    words = name.split()
    if _DYNAMICS & set(words):
        words = [w for w in words if w not in _DYNAMICS and not _PITCH_OR_STRING.fullmatch(w)]
    telling = " ".join(word for word in words if word not in {label, *_SAYS_NOTHING})
    return f"{label}: {' '.join(words)}" if _TELLING.search(telling) else ""
