"""A short score to play."""

from pathlib import Path

import mido


def write_melody(path: Path) -> Path:
    """Write a scale of C major, three times up, as POP909 has its melodies."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="MELODY")])
    for pitch in (60, 62, 64, 65, 67, 69, 71, 72) * 3:
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, time=480))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(path)
    return path
