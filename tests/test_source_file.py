"""Audio files good and bad."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from instrd.daemon.errors import SourceError
from instrd.daemon.sources import Block, Pace, Source, open_source
from instrd.models.audiofile import MP3_SLACK_FRAMES, AudioFile, read_audio
from instrd.models.errors import AudioFileError

Floats = NDArray[np.float32]
RATE_HZ = 16_000


def noise(seconds: float, channels: int = 1) -> Floats:
    rng = np.random.default_rng(5)
    return rng.uniform(-0.5, 0.5, (round(seconds * RATE_HZ), channels)).astype(np.float32)


def read_all(source: Source) -> Floats:
    blocks = []
    while isinstance(block := source.read(), Block):
        assert len(block.samples) >= 1
        assert block.lost == 0
        blocks.append(block.samples)
    return np.concatenate(blocks)


def cut_short(path: Path, part: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * part)])


@pytest.mark.parametrize("channels", [1, 2, 5, 32])
def test_channels_are_mixed_by_their_mean(channels: int, tmp_path: Path) -> None:
    path = tmp_path / "wide.wav"
    samples = noise(0.6, channels)
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    heard = read_all(open_source(f"file:{path}", pace="fast"))
    assert np.allclose(heard, samples.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_every_common_format_is_read_to_its_end(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"tone.{suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(RATE_HZ))
    soundfile.write(path, tone, RATE_HZ)
    heard, rate_hz = read_audio(path)
    assert rate_hz == RATE_HZ
    assert abs(len(heard) - RATE_HZ) < RATE_HZ // 5
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_a_loop_starts_over_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    samples = noise(0.3)[:, 0]
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    source = open_source(str(path), pace="fast", loop=True)
    heard: list[float] = []
    while len(heard) < 3 * len(samples):
        block = source.read()
        assert isinstance(block, Block)
        heard.extend(block.samples)
    assert np.array_equal(np.array(heard[: 3 * len(samples)], np.float32), np.tile(samples, 3))


@pytest.mark.parametrize("count", [1, 7, 400, 401, 799])
@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_a_loop_of_a_few_samples_is_played_in_blocks(
    tmp_path: Path, count: int, pace: Pace
) -> None:
    path = tmp_path / "short.wav"
    samples = noise(0.05)[:count, 0]
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    source = open_source(str(path), pace=pace, loop=True)
    blocks = [source.read() for _ in range(3)]
    heard = [block.samples for block in blocks if isinstance(block, Block)]
    assert [len(block) for block in heard] == 3 * [800 // count * count]
    assert np.array_equal(np.concatenate(heard), np.tile(samples, 3 * (800 // count)))


def test_a_looped_file_that_is_replaced_by_one_of_another_rate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loop.wav"
    soundfile.write(path, noise(0.25), RATE_HZ)
    source = open_source(str(path), pace="fast", loop=True)
    assert source.read() is not None
    soundfile.write(path, noise(0.25), 8_000)
    with pytest.raises(SourceError, match="got 8000 Hz, allowed as before 16000 Hz"):
        source.read()


def test_a_closed_file_gives_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(2.0), RATE_HZ)
    source = open_source(str(path), pace="fast")
    assert source.read() is not None
    source.close()
    assert source.read() is None


@pytest.mark.parametrize("suffix", ["wav", "w64", "aiff", "ogg"])
def test_a_file_that_can_be_seen_to_be_cut_off_is_refused_before_it_is_played(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"cut.{suffix}"
    soundfile.write(path, noise(4.0), RATE_HZ)
    cut_short(path, 0.77)
    with pytest.raises(SourceError, match=rf"cut\.{suffix}: cut off"):
        open_source(str(path), pace="fast")


def test_an_ogg_that_ends_after_a_whole_page_is_played_to_there(tmp_path: Path) -> None:
    path = tmp_path / "unmarked.ogg"
    soundfile.write(path, noise(4.0), RATE_HZ)
    whole, _ = read_audio(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    heard, _ = read_audio(path)
    assert 0.5 * len(whole) < len(heard) < len(whole)
    assert np.allclose(heard[:-4000], whole[: len(heard) - 4000], atol=1e-6)


def test_an_mp3_sounds_the_same_whatever_its_blocks(tmp_path: Path) -> None:
    path = tmp_path / "long.mp3"
    soundfile.write(path, noise(10.0), RATE_HZ)
    in_little_blocks = np.concatenate(list(AudioFile(path).blocks(777)))
    assert np.array_equal(in_little_blocks, read_audio(path)[0])


@pytest.mark.parametrize("part", [0.4, 0.77])
def test_a_cut_off_mp3_gives_what_it_has_never_repeats_it_and_is_named(
    part: float, tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp3"
    soundfile.write(path, noise(10.0), RATE_HZ)
    whole, _ = read_audio(path)
    cut_short(path, part)
    blocks: list[Floats] = []
    with pytest.raises(AudioFileError, match=r"cut off: holds \d+ frames, promises 160000"):
        blocks += AudioFile(path).blocks(1000)
    heard = np.concatenate(blocks)
    assert 0.3 * len(whole) < len(heard) < len(whole)
    # The last frame of a lossy format may be damaged.
    sure = len(heard) - 4000
    assert np.allclose(heard[:sure], whole[:sure], atol=1e-3)


def test_an_mp3_that_does_not_tell_its_length_is_played_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "older.mp3"
    soundfile.write(path, np.append(np.zeros(8000), noise(10.0)), RATE_HZ)
    whole, _ = read_audio(path)
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 100) :])  # the first block told it
    with soundfile.SoundFile(path) as file:
        # a guess from the size of the file and of its first block, which is small
        assert file.frames > 2 * len(whole)
    heard, _ = read_audio(path)
    assert 0 <= len(heard) - len(whole) < 3 * MP3_SLACK_FRAMES  # nor is its delay told


def test_a_cut_off_flac_gives_its_beginning_and_then_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, noise(4.0), RATE_HZ)
    cut_short(path, 0.5)
    source = open_source(str(path), pace="fast")
    assert source.read() is not None
    with pytest.raises(SourceError, match=r"cut.flac: broken or cut off"):
        read_all(source)


def test_a_header_that_lies_about_the_length_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "lying.flac"
    soundfile.write(path, noise(1.0), RATE_HZ)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert soundfile.info(path).frames > 2**32
    assert len(next(AudioFile(path).blocks(RATE_HZ // 2))) == RATE_HZ // 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(bad: float, tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    samples = noise(0.5)
    samples[5000] = bad
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    with pytest.raises(SourceError, match="not finite"):
        read_all(open_source(str(path), pace="fast"))


@pytest.mark.parametrize(
    ("channels", "rate_hz", "said"),
    [(33, 16_000, "got 33 channels, allowed 1..32"), (1, 500, "got 500 Hz, allowed 1000..384000")],
)
def test_odd_headers_are_refused(channels: int, rate_hz: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, noise(0.1, channels), rate_hz)
    with pytest.raises(AudioFileError, match=said):
        AudioFile(path)


@pytest.mark.parametrize("suffix", ["wav", "w64", "aiff", "ogg"])
def test_a_file_without_audio_is_refused_before_it_is_played(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"empty.{suffix}"
    soundfile.write(path, np.zeros((0, 1)), RATE_HZ)
    with pytest.raises(SourceError, match="no audio in it"):
        open_source(str(path), pace="realtime")


def test_what_is_no_audio_file_is_refused_with_path_and_reason(tmp_path: Path) -> None:
    text, fifo = tmp_path / "notes.txt", tmp_path / "pipe.wav"
    text.write_text("do re mi")
    os.mkfifo(fifo)
    reasons = {
        text: "not readable as audio",
        fifo: "not a regular file",
        tmp_path: "not a regular file",
        tmp_path / "none.wav": "no such file",
        text / "below": "not a directory",
        Path("a\0b"): "not a path",
        Path("x" * 5000): "file name too long",
    }
    for path, reason in reasons.items():
        with pytest.raises(AudioFileError, match=reason) as refused:
            AudioFile(path)
        assert refused.value.path == path


def test_a_whole_file_has_a_longest_allowed_length(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(2.0), RATE_HZ)
    with pytest.raises(AudioFileError, match=r"longer than the allowed 1.5 s"):
        read_audio(path, longest_s=1.5)
