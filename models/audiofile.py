"""Audio files of any kind and any quality, read as mono float32 or refused with a reason."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MOST_CHANNELS = 32
LOUDEST = 100.0
"""Full scale is 1; floating-point files may go above it, but not 40 dB."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 384_000


class AudioFileError(Exception):
    """An audio file cannot be used; says which one and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"audio file {shown(path)}: {reason}")
        self.path = path
        self.reason = reason


class AudioFile:
    """An open audio file; its blocks are the mean of its channels, full scale +-1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_regular(path)
        try:
            self._file = soundfile.SoundFile(os.fsencode(path))  # type: ignore[arg-type]  # takes bytes too
        except soundfile.SoundFileError as error:
            raise AudioFileError(path, f"not readable as audio ({_reason(error)})") from error
        try:
            self._check_header()
        except AudioFileError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    @property
    def rate_hz(self) -> int:
        return int(self._file.samplerate)

    def blocks(self, size: int) -> Iterator[Floats]:
        """Yield the rest of the file, (size,) at a time and (1..size,) at its end; then close.

        Raises AudioFileError where the file is broken, and at the end of one without audio.
        """
        anything = False
        with self._file:
            while len(block := self._read(size)):
                anything = True
                yield block
                # A short read is the end. soundfile's own blocks() goes by the length in the
                # header, which may lie, and replays the sound of a truncated mp3 up to it.
                if len(block) < size:
                    break
        if not anything:
            raise AudioFileError(self.path, "no audio in it")

    def _read(self, size: int) -> Floats:
        try:
            frames = self._file.read(size, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise AudioFileError(self.path, f"broken or cut off ({_reason(error)})") from error
        mono: Floats = frames.mean(axis=1)
        if not are_sound(mono):
            raise AudioFileError(
                self.path, f"holds samples that are not finite numbers up to {LOUDEST:g}"
            )
        return mono

    def _check_header(self) -> None:
        channels = self._file.channels
        if channels > MOST_CHANNELS:
            raise AudioFileError(self.path, f"got {channels} channels, allowed 1..{MOST_CHANNELS}")
        if not LOWEST_RATE_HZ <= self.rate_hz <= HIGHEST_RATE_HZ:
            allowed = f"{LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ}"
            raise AudioFileError(self.path, f"got {self.rate_hz} Hz, allowed {allowed} Hz")


def shown(path: Path) -> str:
    """Return a path as text that can be printed and sent, whatever bytes it has."""
    return os.fsencode(path).decode(errors="replace")


def are_sound(samples: Floats) -> bool:
    """Say whether all samples are finite numbers of a magnitude that sound can have."""
    return bool(np.isfinite(samples).all() and (np.abs(samples) <= LOUDEST).all())


def read_audio(path: Path, *, longest_s: float = 3600.0) -> tuple[Floats, int]:
    """Return all samples (n,) of a file and its rate in Hz; refuse one longer than `longest_s`."""
    file = AudioFile(path)
    blocks: list[Floats] = []
    count, most = 0, round(longest_s * file.rate_hz)
    for block in file.blocks(file.rate_hz):
        count += len(block)
        if count > most:
            raise AudioFileError(path, f"longer than the allowed {longest_s:g} s")
        blocks.append(block)
    return np.concatenate(blocks), file.rate_hz


def _check_regular(path: Path) -> None:
    # libsndfile would wait for ever for the other end of a FIFO.
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise AudioFileError(path, "not a regular file")
        path.open("rb").close()
    except OSError as error:
        raise AudioFileError(path, (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise AudioFileError(path, f"not a path ({error})") from error


def _reason(error: soundfile.SoundFileError) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
