"""Whatever an audio file is, it gives what was put into it or one kind of error, and soon."""

import io
import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from broken_audio import corpus, later
from good_audio import KINDS, Floats, good_file, read_by_library

from instrd.models.audiofile import AudioFile, read_audio
from instrd.models.errors import AudioFileError
from instrd.models.timedfile import TimedFile

PLAYED = {
    *("pcm16.wav align 0", "pcm16.wav align 65535", "pcm16.wav behind an odd chunk"),
    *(f"pcm16.wav data of {size}" for size in (2**32 - 1, 2**31 - 1)),
    *(f"pcm16.wav RIFF of {size}" for size in (0, 2**32 - 1)),
    *(f"rf64.wav RF64 of {size}" for size in (0, 2**32, 2**63 - 1, 2**64 - 1)),
    *(f"pcm16.w64 data of {size}" for size in (0, 23)),
    *(f"pcm16.aiff frames {count}" for count in (0, 2**31, 2**32 - 1)),
    *(f"pcm16.aiff sound of {size}" for size in (0, 2**31, 2**32 - 1)),
    *("pcm16.flac promises 0", "pcm16.flac blocks of 0"),
    *("pcm16.aiff sound from 0", "vorbis.ogg header byte 12 is 255"),
    *("vorbis.ogg and noise", "opus.ogg and noise", "mono.mp3 behind a tag"),
}
"""Odd, but with all their sound; most are of lengths that nobody knew who wrote into a pipe."""
PLAYED_IN_PART = {
    *("pcm16.wav data of 12000", "pcm16.flac promises 3000"),
    *("mono.mp3 cut off near its end", "stereo.mp3 cut off near its end"),
}
"""As much as the header promises, or an mp3 but for its last block."""
PLAYED_AS_THE_HEADER_SAYS = {
    *("pcm16.wav bits 1", "mono.mp3 promises 0 blocks", "mono.mp3 promises 5 blocks"),
    *("opus.ogg header byte 10 is 255", "opus.ogg header byte 12 is 255"),
    "vorbis.ogg whose last page is none",
}
"""Nothing in them tells that bits, rate, delay or the end of the last block are wrong."""
LONGEST_S = 5.0


@pytest.mark.parametrize("name", corpus())
def test_a_broken_file_gives_what_was_put_into_it_or_one_kind_of_error(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(corpus()[name])
    began_s = time.thread_time()
    heard: list[Floats] = []
    error = None
    try:
        heard += AudioFile(path).blocks(1000)
    except AudioFileError as refused:
        error = refused
    assert time.thread_time() - began_s < LONGEST_S
    played = PLAYED | PLAYED_IN_PART | PLAYED_AS_THE_HEADER_SAYS
    assert (error is None) == (name in played), error
    if name in PLAYED | PLAYED_IN_PART:
        sound, expected = np.concatenate(heard), read_by_library(name.split(maxsplit=1)[0])
        assert len(sound) == len(expected) or name in PLAYED_IN_PART
        np.testing.assert_allclose(sound, expected[: len(sound)], atol=1e-6)


def test_the_corpus_is_large_and_of_every_kind() -> None:
    assert len(corpus()) >= 80
    assert {name.split()[0] for name in corpus()} == set(KINDS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"ima.wav", "ms.wav"}])
def test_a_good_file_gives_all_it_has_whatever_its_blocks(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "good"
    path.write_bytes(good_file(kind))
    for size in (77, 1000, 100_000):
        heard = np.concatenate(list(AudioFile(path).blocks(size)))
        np.testing.assert_allclose(heard, read_by_library(kind), atol=1e-6)


def test_an_opus_file_that_jumps_in_time_gives_all_it_has(tmp_path: Path) -> None:
    path = tmp_path / "jumps.opus"
    soundfile.write(path, np.sin(np.arange(150_000) / 20.0), 48_000, format="OGG", subtype="OPUS")
    whole, _ = read_audio(path)
    *before, last = path.read_bytes().split(b"OggS")
    assert len(before) > 4
    path.write_bytes(b"OggS".join(before) + later(b"OggS" + last, samples=488))
    heard, _ = read_audio(path)
    np.testing.assert_allclose(heard[:140_000], whole[:140_000], atol=1e-6)
    assert len(whole) - 488 <= len(heard) <= len(whole) + 488


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    fifo, plug, link = tmp_path / "fifo.wav", tmp_path / "plug.wav", tmp_path / "link.wav"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(plug))
        for path in (fifo, plug, link, Path("/dev/zero"), tmp_path):
            with pytest.raises(AudioFileError, match="not a regular file"):
                AudioFile(path)


def test_a_link_to_a_regular_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(good_file("pcm16.wav"))
    (tmp_path / "link.wav").symlink_to("good.wav")
    assert len(read_audio(tmp_path / "link.wav")[0]) == len(read_by_library("pcm16.wav"))


def read_for_ever(file: TimedFile) -> None:
    while file.read(1):
        file.seek(0)


def test_a_decoder_that_does_not_come_back_gets_no_more_bytes(tmp_path: Path) -> None:
    path = tmp_path / "endless"
    path.write_bytes(bytes(10))
    file = TimedFile(path, longest_s=0.01)
    with pytest.raises(AudioFileError, match=r"longer than 0\.01 s"), file.call():
        read_for_ever(file)
    file.close()


class BrokenDisk(io.BytesIO):
    def readinto(self, _: object) -> int:
        raise OSError(5, "Input/output error")


def test_an_error_of_the_disk_comes_before_what_the_decoder_makes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "good.wav"
    path.write_bytes(good_file("pcm16.wav"))
    file = AudioFile(path)
    file._bytes.close()
    file._bytes._file = BrokenDisk()
    with pytest.raises(AudioFileError, match="input/output error"):
        list(file.blocks(1000))
