"""Audio files broken at random, and what must be true of what is heard of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from random import Random

import numpy as np
from audio_mutations import mutated
from good_audio import Floats, read_by_library

from instrd.models.audiofile import AudioFile, are_sound
from instrd.models.errors import AudioFileError

LAST_BLOCK = 1152
"""Frames that an mp3 may lack without being noticed."""
SILENT_RUN = 64
"""So many zeros in a row are in none of the good files."""
MADE_OF_OTHERS = {"tail_of_another", "with_a_piece_twice", "odd_number"}


@contextmanager
def target(folder: Path) -> Iterator[Callable[[Random], str]]:
    """Take mutated files; tell how much of each was heard."""
    path = folder / "mutated"

    def take(rng: Random) -> str:
        name, faults, content = mutated(rng)
        path.write_bytes(content)
        heard: list[Floats] = []
        refused = False
        try:
            heard += AudioFile(path).blocks(rng.choice((100, 1000, 16_000)))
        except AudioFileError:
            refused = True
        if heard:
            check_heard(name, faults, content, np.concatenate(heard))
        if refused:
            return "refused after some sound" if heard else "refused"
        return "played"

    yield take


def check_heard(name: str, faults: list[str], content: bytes, sound: Floats) -> None:
    """Hold what was heard of a broken file to what was in the good one."""
    assert are_sound(sound)
    if not name.endswith(("flac", "ogg", "mp3")):
        assert len(sound) <= len(content), "more frames than bytes"
    if set(faults) == {"cut_off"}:
        good = read_by_library(name)
        np.testing.assert_allclose(sound, good[: len(sound)], atol=1e-6)
    # Nobody can tell a damaged block of an mp3, which has no checksum; its decoder may mute it.
    # The bytes of doubles, one byte further on, are numbers too small for single precision.
    may_be_silent = name == "double.wav" or name.endswith("mp3")
    if not may_be_silent and not MADE_OF_OTHERS & set(faults):
        zeros = [len(list(run)) for silent, run in groupby(sound == 0.0) if silent]
        assert max(zeros, default=0) < SILENT_RUN, f"{max(zeros)} zeros in a row, {faults}"
