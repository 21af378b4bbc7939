"""Frames of every clip, computed once and kept on disk; nets read pieces of them."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.audiofile import AudioFileError, read_audio
from instrd.models.frontend import FrontEnd, frames_of
from instrd.training.pool import resample

Floats = NDArray[np.float32]
Watch = Callable[[Iterable[Any], str, int], Iterable[Any]]
"""(things, what is done with them, how many) -> the same things, with a progress bar."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "instrd" / "frames"
_PROCESSES = 2


def unwatched(things: Iterable[Any], _what: str, _count: int) -> Iterable[Any]:
    return things


class FrameCache:
    """Frames as half-precision decibels, (frames, bands), one file a clip.

    An MFCC is kept as the log-mel that it is made from, since that is what can be augmented. The
    name of a file tells the clip's path, size and age and the front-end; a changed clip is
    computed anew.
    """

    def __init__(self, front_end: FrontEnd, folder: Path = CACHE) -> None:
        if front_end.kind == "mfcc":
            front_end = msgspec.structs.replace(front_end, kind="log_mel", coefficients=1)
        self.front_end = front_end
        digest = hashlib.sha256(msgspec.json.encode(front_end)).hexdigest()
        self._folder = folder / digest[:16]

    def fill(
        self, paths: Iterable[Path], watch: Watch = unwatched
    ) -> tuple[list[Path], list[AudioFileError]]:
        """Compute what is missing; return the clips that have frames, and why others have not."""
        wanted = list(dict.fromkeys(paths))
        missing = [path for path in wanted if not self._file(path).is_file()]
        self._folder.mkdir(parents=True, exist_ok=True)
        errors: dict[Path, AudioFileError] = {}
        with ProcessPoolExecutor(_PROCESSES) as pool:
            jobs = pool.map(self._compute, missing, chunksize=8)
            for path, reason in zip(missing, watch(jobs, "Framing", len(missing)), strict=True):
                if reason is not None:
                    errors[path] = AudioFileError(path, reason)
        return [path for path in wanted if path not in errors], list(errors.values())

    def frames(self, path: Path) -> NDArray[np.float16]:
        """Return the frames of a clip that was filled in, mapped from disk."""
        found: NDArray[np.float16] = np.load(self._file(path), mmap_mode="r")
        return found

    def _compute(self, path: Path) -> str | None:
        """Write the frames of one clip; return why not, if it cannot be."""
        try:
            signal, rate_hz = read_audio(path)
        except AudioFileError as error:
            return error.reason
        front_end = self.front_end
        resampled = resample(signal, rate_hz, front_end.rate_hz)
        # Zeros complete the last frame, and the only one of a sound shorter than that.
        frames = frames_of(front_end, np.pad(resampled, (0, front_end.hop - 1)))
        file = self._file(path)
        unfinished = file.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as out:
            np.save(out, frames.astype(np.float16))
        unfinished.replace(file)
        return None

    def _file(self, path: Path) -> Path:
        status = path.stat()
        name = f"{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.npy"
