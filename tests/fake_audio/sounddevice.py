"""PortAudio for the processes that tests start: its devices and faults are files of a folder.

With this folder on PYTHONPATH it stands in for sounddevice. The folder that FAKE_AUDIO names
holds `devices`, JSON of the names, and `fault`: how an open device behaves from now on.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(os.environ["FAKE_AUDIO"])
RATE_HZ = 16_000
TONE_HZ = 440.0
BUFFER_S = 0.5
"""What the device holds for a reader that is late."""


class PortAudioError(Exception):
    pass


class default:  # noqa: N801  # sounddevice's own name
    device = (0, -1)


def _initialize() -> None:
    global _names  # noqa: PLW0603  # PortAudio lists what was there when it started
    _names = json.loads((FOLDER / "devices").read_text())


def _terminate() -> None:
    if fault() == "hang":
        time.sleep(3600.0)


_names: list[str] = []
_initialize()


def fault() -> str:
    return (FOLDER / "fault").read_text()


def get_portaudio_version() -> tuple[int, str]:
    return 1899, "PortAudio V19.6.0"


def query_hostapis() -> list[dict[str, Any]]:
    return [{"name": "ALSA"}]


def query_devices() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "index": index,
            "hostapi": 0,
            "max_input_channels": 2,
            "default_samplerate": float(RATE_HZ),
        }
        for index, name in enumerate(_names)
    ]


class InputStream:
    """A tone that goes on with time, whoever reads it, and stands for nothing but itself."""

    def __init__(self, *, device: int, samplerate: float, channels: int, **_: Any) -> None:
        if _names[device] not in json.loads((FOLDER / "devices").read_text()):
            raise PortAudioError("Device unavailable")
        (FOLDER / "opened").write_text(_names[device])
        self._rate_hz, self._channels = samplerate, channels
        self._given = 0
        self._began_s = 0.0
        self._overflowed = False

    def start(self) -> None:
        self._began_s = time.monotonic()

    def close(self, *, ignore_errors: bool = True) -> None:
        if fault() == "hang":
            time.sleep(3600.0)

    @property
    def read_available(self) -> int:
        match fault():
            case "gone":
                raise PortAudioError("Input/output error")
            case "hang":
                time.sleep(3600.0)
            case "crash":
                os.abort()
            case "stall":
                self._forget(0.0)
                return 0
            case "fast":
                return round(self._rate_hz)
        self._forget(BUFFER_S)
        return self._due - self._given

    def read(self, count: int) -> tuple[NDArray[np.float32], bool]:
        phase = 2.0 * np.pi * TONE_HZ / self._rate_hz * (self._given + np.arange(count))
        mono = 0.0 if fault() == "zeros" else 0.3
        self._given += count
        overflowed, self._overflowed = self._overflowed, False
        frames = (mono * np.sin(phase)).astype(np.float32)
        return np.repeat(frames[:, None], self._channels, axis=1), overflowed

    @property
    def _due(self) -> int:
        return round((time.monotonic() - self._began_s) * self._rate_hz)

    def _forget(self, kept_s: float) -> None:
        """Lose what no buffer holds; like the real thing, often without a word."""
        self._given = max(self._given, self._due - round(kept_s * self._rate_hz))
