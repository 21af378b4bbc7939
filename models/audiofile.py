"""Audio files of any kind and any quality, read as mono float32 or refused with a reason.

Files come from outside. What is played of one is what was put into it: nothing is made up for
what a file lacks, and no file holds its reader up for longer than `timedfile` allows.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from instrd.models import oggpages
from instrd.models.errors import AudioFileError
from instrd.models.soundchunk import missing_bytes
from instrd.models.timedfile import TimedFile

Floats = NDArray[np.float32]

MOST_CHANNELS = 32
LOUDEST = 100.0
"""Full scale is 1; floating-point files may go above it, but not 40 dB."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 384_000
MOST_FRAMES = 3600 * 48_000
"""Of a file that is read as a whole: 691 MB as mono float32."""

STARTS: Final = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS")
"""First bytes of what we read; libsndfile knows forty formats, and some of their parsers crash."""
FORMATS: Final = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "OGG", "MP3")
CODINGS: Final = (
    *("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"),
    *("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"),
)
"""ADPCM and its like are not among them: of a last block that is cut off libsndfile makes noise."""
SUFFIXES: Final = frozenset(
    {".wav", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"}
)
"""By which files are found in a folder; a file that is named may have any."""
UNREAD_SUFFIXES: Final = frozenset({".m4a", ".m4b", ".aac", ".wma", ".caf", ".ape", ".wv", ".amr"})
"""Audio of formats that are not read, for who tells what a folder holds."""
MOST_TAGS = 16
UNKNOWN_FRAMES = 2**62
MP3_SLACK_FRAMES = 1152
"""One block: some encoders count the one that holds the length."""
MP3_LENGTH_MARKS: Final = (b"Xing", b"Info", b"VBRI")
"""One of them stands in the first block of an mp3 that tells its length."""
NOTHING: Final = "no audio in it"
MP3_LENGTH_WITHIN = 48
"""Bytes of the first block; its side information comes before the mark."""


def files_below(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> list[Path]:
    """Return the files below a folder that are audio by their suffix, in order; none hidden.

    A link to nothing is among them: whoever reads it is told. Of what is no folder, or may not be
    looked into, there are none.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = (name for name in folders if not name.startswith("."))
        paths = (Path(place, name) for name in names if not name.startswith("."))
        found += [path for path in paths if path.suffix.lower() in suffixes]
    return sorted(found)


class AudioFile:
    """An open audio file; its blocks are the mean of its channels, full scale +-1."""

    def __init__(self, path: Path) -> None:
        """Raise `AudioFileError` for a file that can be seen to be no good before it is played."""
        self.path = path
        with ExitStack() as opening:
            self._bytes = TimedFile(path)
            opening.callback(self._bytes.close)
            self._check_bytes()
            self._file = self._decoder()
            opening.callback(self._file.close)
            self._check_header()
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def rate_hz(self) -> int:
        return int(self._file.samplerate)

    def blocks(self, size: int) -> Iterator[Floats]:
        """Yield the rest of the file, (size,) at a time and (1..size,) at its end; then close.

        Raises AudioFileError where the file is broken, and at the end of one that holds less
        than it promises, or nothing.
        """
        count = 0
        with self._open:
            while len(block := self._read(size)):
                count += len(block)
                yield block
                # A short read is the end. soundfile's own blocks() goes by the length in the
                # header, which may lie, and replays the sound of a truncated mp3 up to it.
                if len(block) < size:
                    break
            self._check_count(count)

    def _decoder(self) -> soundfile.SoundFile:
        try:
            with self._bytes.call():
                self._bytes.seek(0)
                return _Forwards(self._bytes)  # type: ignore[arg-type]  # needs no more
        except soundfile.SoundFileError as error:
            raise AudioFileError(self.path, f"not readable as audio ({_reason(error)})") from error

    def _read(self, size: int) -> Floats:
        try:
            with self._bytes.call():
                read = self._file.read(size, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise AudioFileError(self.path, f"broken or cut off ({_reason(error)})") from error
        frames = np.asarray(read, np.float32)
        if not are_sound(frames):
            raise AudioFileError(
                self.path, f"holds samples that are not finite numbers up to {LOUDEST:g}"
            )
        mono: Floats = frames.mean(axis=1)
        return mono

    def _check_bytes(self) -> None:
        with self._bytes.call():
            start = first_bytes(self._bytes)
            is_mp3 = len(start) > 1 and start[0] == 0xFF and start[1] >= 0xE0
            if not is_mp3 and not start.startswith(STARTS):
                allowed = "wav, w64, aiff, flac, ogg and mp3"
                reason = f"not readable as audio: begins with {start!r}, allowed are {allowed}"
                raise AudioFileError(self.path, reason)
            self._tells_length = not is_mp3 or mp3_tells_length(self._bytes)
            if lacking := missing_bytes(self._bytes):
                raise AudioFileError(self.path, f"cut off: lacks {lacking} bytes of its sound")
        if start == oggpages.PAGE and (damage := oggpages.damage(self._bytes)):
            raise AudioFileError(self.path, damage)

    def _check_header(self) -> None:
        kind, coding = self._file.format, self._file.subtype
        if kind not in FORMATS or coding not in CODINGS:
            allowed = "whole numbers, floats, u-law, A-law, FLAC, Vorbis, Opus and MPEG audio"
            raise AudioFileError(self.path, f"got {kind} with {coding}, allowed {allowed}")
        channels = self._file.channels
        if channels > MOST_CHANNELS:
            raise AudioFileError(self.path, f"got {channels} channels, allowed 1..{MOST_CHANNELS}")
        if not LOWEST_RATE_HZ <= self.rate_hz <= HIGHEST_RATE_HZ:
            allowed = f"{LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ}"
            raise AudioFileError(self.path, f"got {self.rate_hz} Hz, allowed {allowed} Hz")
        if not self._file.frames:
            raise AudioFileError(self.path, NOTHING)

    def _check_count(self, count: int) -> None:
        promised = int(self._file.frames)
        if not count:
            raise AudioFileError(self.path, NOTHING)
        if self._file.subtype in {"VORBIS", "OPUS"}:
            return  # every page has been checked, and an encoder may jump in time between two
        if not self._tells_length:
            return  # what is promised is guessed from the bytes and the rate of the first block
        slack = MP3_SLACK_FRAMES if self._file.format == "MP3" else 0
        if count + slack < promised < UNKNOWN_FRAMES:
            raise AudioFileError(
                self.path, f"broken or cut off: holds {count} frames, promises {promised}"
            )


class _Forwards(soundfile.SoundFile):
    """A file that is only read on and on.

    soundfile seeks to where it is after every read. In an mp3 that decodes other sound than
    reading on, and a FLAC file that does not tell its length cannot do it.
    """

    def seekable(self) -> bool:
        return False


def first_bytes(file: TimedFile) -> bytes:
    """Return the first four bytes of a file, or those behind the ID3 tags at its start.

    Behind a tag there may be zeros, which decoders of mp3 pass over.
    """
    place, head = _behind_tags(file)
    return b"\xff\xff" if place and head.startswith(b"\0") else head[:4]


def mp3_tells_length(file: TimedFile) -> bool:
    """Say whether the first block of an mp3 counts the others."""
    place, _ = _behind_tags(file)
    file.seek(place)
    block = file.read(MP3_LENGTH_WITHIN)
    return any(mark in block for mark in MP3_LENGTH_MARKS)


def _behind_tags(file: TimedFile) -> tuple[int, bytes]:
    """Return where what comes behind the ID3 tags begins, and its first ten bytes."""
    place = 0
    for _ in range(MOST_TAGS):
        file.seek(place)
        head = file.read(10)
        if not head.startswith(b"ID3") or len(head) < 10:
            break
        place += 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
    return place, head


def are_sound(samples: Floats) -> bool:
    """Say whether all samples are finite numbers of a magnitude that sound can have."""
    return bool(np.isfinite(samples).all() and (np.abs(samples) <= LOUDEST).all())


def read_audio(path: Path, *, longest_s: float = 3600.0) -> tuple[Floats, int]:
    """Return all samples (n,) of a file and its rate in Hz; refuse one longer than `longest_s`."""
    file = AudioFile(path)
    blocks: list[Floats] = []
    count, most = 0, min(round(longest_s * file.rate_hz), MOST_FRAMES)
    for block in file.blocks(file.rate_hz):
        count += len(block)
        if count > most:
            raise AudioFileError(path, f"longer than the allowed {most / file.rate_hz:g} s")
        blocks.append(block)
    return np.concatenate(blocks), file.rate_hz


def _reason(error: soundfile.SoundFileError) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
