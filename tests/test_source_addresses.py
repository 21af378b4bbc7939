"""What a source address may be, and what is said of one that is wrong."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from instrd.daemon.errors import SourceError
from instrd.daemon.sources import Block, Pace, open_feed, open_source
from instrd.models.audiofile import AudioFile


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("radio:bbc3", r"got radio:, allowed are mic:.*file:PATH.*stdin:.*synth:"),
        ("synth:?tone=440", r"unknown field `tone`; options are tones, seconds"),
        ("synth:?rate=fast", r"Expected `int`.*rate"),
        ("synth:?rate=10", r">= 1000.*rate"),
        ("synth:?seconds=nan", r"seconds"),
        ("synth:?tones=440;660", r"separated by commas"),
        ("synth:?tones=nan", r"below 24000 Hz"),
        ("synth:?tones=30000", r"below 24000 Hz"),
        ("synth:?tones=1,2,3,4&level_dbfs=-3", r"4 tones at -3 dBFS would clip"),
        ("stdin:?format=u8", r"Invalid enum value 'u8'"),
        ("stdin:left", r"got 'left' behind the colon"),
        ("nowhere.wav", r"audio file nowhere.wav: no such file"),
        ("file:", r"not a regular file"),
    ],
)
def test_a_wrong_address_says_what_is_allowed(uri: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        open_source(uri, pace="fast")


@pytest.mark.parametrize("uri", ["stdin:", "mic:"])
def test_what_comes_only_once_cannot_be_looped(uri: str) -> None:
    with pytest.raises(SourceError, match="cannot be looped"):
        open_feed(uri, pace="fast", loop=True)


@pytest.mark.parametrize("prefix", ["", "file:"])
def test_a_plain_path_is_a_file(prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "what?a=b.wav"
    soundfile.write(path, np.zeros(100), 8000)
    source = open_source(f"{prefix}{path}", pace="fast")
    assert source.description == "file what?a=b.wav"
    with AudioFile(path) as file:
        assert source.rate_hz == file.rate_hz == 8000


@pytest.mark.parametrize(("pace", "most"), [("realtime", 2400), ("fast", 12_000)])
def test_blocks_are_short_at_the_real_pace_and_long_otherwise(pace: Pace, most: int) -> None:
    source = open_source("synth:", pace=pace)
    block = source.read()
    assert isinstance(block, Block)
    assert len(block.samples) == most
