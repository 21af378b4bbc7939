"""PortAudio on a machine that has none."""

from types import ModuleType
from typing import Any


class FakePortAudio(ModuleType):
    """Lists some devices and opens none."""

    PortAudioError = RuntimeError

    def __init__(self, names: list[str], default: int) -> None:
        super().__init__("sounddevice")
        self._names = names
        self.default = type("Default", (), {"device": (default, -1)})

    def get_portaudio_version(self) -> tuple[int, str]:
        return 1899, "PortAudio V19.6.0"

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "index": index,
                "hostapi": 0,
                "max_input_channels": 0 if name == "speaker" else 2,
                "default_samplerate": 44_100.0,
            }
            for index, name in enumerate(self._names)
        ]

    def InputStream(self, **_: Any) -> None:  # noqa: N802  # PortAudio's own name
        raise RuntimeError("Device busy")
