"""The benchmark of onsets plays clips that are long enough, or says that there are too few."""

from pathlib import Path

import numpy as np
import onset_latency
import pytest
import soundfile
from onset_latency import RATE_HZ, TAIL_S
from sounds import silence, tone

from instrd.training.errors import TrainingError
from instrd.training.folders.pool import Clip

SECONDS = {"low": (0.5, 0.05), "high": (0.5, 0.0), "short": (0.05,)}


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Return clips of sound in silence, some of them too short."""
    made = []
    for label, lengths in SECONDS.items():
        for number, length_s in enumerate(lengths):
            sound = np.concatenate([silence(0.5, RATE_HZ), tone(440.0, length_s, RATE_HZ)])
            soundfile.write(tmp_path / f"{label}{number}.wav", sound, RATE_HZ)
            made.append(Clip(f"{label}{number}.wav", label, "", "", "", "", "", 0.5 + length_s))
    return made


def test_clips_that_are_shorter_than_a_tenth_of_a_second_are_left_out(
    clips: list[Clip], tmp_path: Path
) -> None:
    kept = onset_latency.long_enough(clips, tmp_path)
    assert kept == {"low": [clips[0]], "high": [clips[2]]}
    rng = np.random.default_rng(0)
    streams = list(onset_latency.streams(kept, tmp_path, 4, rng))
    assert [over for *_, over in streams] == [False, True, False, True]
    assert {label for _, label, _, _ in streams} <= {"low", "high"}
    assert all(len(sound) - onset < TAIL_S * RATE_HZ + 1 for sound, _, onset, _ in streams)


def test_fewer_than_two_instruments_are_refused(clips: list[Clip], tmp_path: Path) -> None:
    told = "of 0.1 s or more got 1 of the model's instruments, held out, allowed 2 or more"
    with pytest.raises(TrainingError, match=told):
        onset_latency.long_enough([clips[0], clips[-1]], tmp_path)
