"""Frames of every clip, computed once and kept on disk; nets read pieces of them."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.audiofile import read_audio
from instrd.models.errors import AudioFileError
from instrd.models.frontend import FrontEnd, frames_of
from instrd.models.new_file import new_file
from instrd.training.folders.pool import resample
from instrd.training.progress import Watch, unwatched

Floats = NDArray[np.float32]

_PROCESSES = 2
_MOST_HELD_BYTES = 1 << 30
"""Frames that stay in memory; what goes beyond is read from disk again."""


def cache_folder() -> Path:
    """Return where frames are kept unless told otherwise: among the user's caches."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "instrd" / "frames"


class FrameCache:
    """Frames as half-precision decibels, (frames, bands), one file a clip.

    An MFCC is kept as the log-mel that it is made from, since that is what can be augmented. The
    name of a file tells the clip's path, size and age and the front-end; a changed clip is
    computed anew.
    """

    def __init__(self, front_end: FrontEnd, folder: Path | None = None) -> None:
        if front_end.kind == "mfcc":
            coefficients = FrontEnd().coefficients  # as in the log-mel of the same bands
            front_end = msgspec.structs.replace(
                front_end, kind="log_mel", coefficients=coefficients
            )
        self.front_end = front_end
        digest = hashlib.sha256(msgspec.json.encode(front_end)).hexdigest()
        self._folder = (folder or cache_folder()) / digest[:16]
        self._held: OrderedDict[Path, NDArray[np.float16]] = OrderedDict()
        self._held_bytes = 0

    def fill(
        self, paths: Iterable[Path], watch: Watch = unwatched
    ) -> tuple[list[Path], list[AudioFileError]]:
        """Compute what is missing; return the clips that have frames, and why others have not."""
        wanted = list(dict.fromkeys(paths))
        self._folder.mkdir(parents=True, exist_ok=True)
        errors: dict[Path, AudioFileError] = {}
        gone = [path for path in wanted if not path.exists()]  # a link may lead nowhere
        errors.update({path: AudioFileError(path, "no such file") for path in gone})
        there = [path for path in wanted if path not in errors]
        missing = [path for path in there if not self._file(path).is_file()]
        with ProcessPoolExecutor(_PROCESSES) as pool:
            files = map(self._file, missing)
            jobs = pool.map(partial(_compute, self.front_end), missing, files, chunksize=8)
            for error in watch(jobs, "Framing", len(missing)):
                if error is not None:
                    errors[error.path] = error
        return [path for path in wanted if path not in errors], list(errors.values())

    def frames(self, path: Path) -> NDArray[np.float16]:
        """Return the frames (n, bands) of a clip that was filled in; do not write to them."""
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        found: NDArray[np.float16] = np.load(self._file(path))
        self._held[path] = found
        self._held_bytes += found.nbytes
        while self._held_bytes > _MOST_HELD_BYTES:
            _, oldest = self._held.popitem(last=False)
            self._held_bytes -= oldest.nbytes
        return found

    def _file(self, path: Path) -> Path:
        status = path.stat()
        name = os.fsencode(f"{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}")
        return self._folder / f"{hashlib.sha256(name).hexdigest()[:32]}.npy"


def _compute(front_end: FrontEnd, path: Path, file: Path) -> AudioFileError | None:
    """Write the frames of one clip; return why not, if it cannot be."""
    try:
        signal, rate_hz = read_audio(path)
    except AudioFileError as error:
        return error
    resampled = resample(signal, rate_hz, front_end.rate_hz)
    if not len(resampled):
        reason = f"too short: no sample is left of it at {front_end.rate_hz} Hz"
        return AudioFileError(path, reason)
    # Zeros complete the last frame, and the only one of a sound shorter than that.
    frames = frames_of(front_end, np.pad(resampled, (0, front_end.hop - 1)))
    with new_file(file) as out:
        np.save(out, frames.astype(np.float16))
    return None
