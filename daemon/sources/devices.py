"""The audio inputs of this machine, as PortAudio lists them."""

from dataclasses import dataclass
from typing import Any

from instrd.daemon.errors import DeviceError, SourceError

OTHERS = "without a microphone use file:PATH, stdin: or synth:"


@dataclass(frozen=True, slots=True)
class Device:
    """An audio input."""

    index: int
    """PortAudio's number of it, until the next start."""
    name: str
    host_api: str
    """The sound system it belongs to: ALSA, Core Audio, WASAPI."""
    channels: int
    """The most it can be opened with."""
    rate_hz: int
    """Its own rate."""
    default: bool


def portaudio() -> Any:
    """Return the sounddevice module; loading it starts PortAudio, so only microphones do."""
    try:
        import sounddevice  # noqa: PLC0415  # machines without PortAudio play files all the same
    except OSError as error:
        raise SourceError(
            "no microphone can be opened, the PortAudio library is missing: "
            f"apt-get install libportaudio2; {OTHERS}"
        ) from error
    except Exception as error:
        # PortAudio starts inside the import; its error type cannot be had when that fails.
        raise DeviceError(f"PortAudio does not start here: {error}; {OTHERS}") from error
    return sounddevice


def list_devices() -> tuple[Device, ...]:
    """Return all audio inputs. Raises `SourceError` without PortAudio."""
    sounddevice = portaudio()
    host_apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    return tuple(
        Device(
            index=found["index"],
            name=found["name"],
            host_api=host_apis[found["hostapi"]]["name"],
            channels=found["max_input_channels"],
            rate_hz=round(found["default_samplerate"]),
            default=found["index"] == default,
        )
        for found in sounddevice.query_devices()
        if found["max_input_channels"] > 0
    )


def find_device(name: str) -> Device:
    """Return the input whose name contains `name` in any case; the default one for no name."""
    devices = list_devices()
    if not name:
        found = [device for device in devices if device.default]
    else:
        found = [device for device in devices if name.casefold() in device.name.casefold()]
        exact = [device for device in found if device.name == name]
        found = exact or found
    if len(found) == 1:
        return found[0]
    if not devices:
        raise DeviceError(f"no microphone: this machine has no audio input; {OTHERS}")
    wanted = f"microphone {name!r} is {'ambiguous' if found else 'unknown'}"
    listed = ", ".join(f"{device.name!r}" for device in found or devices)
    # Only a name that fits several can never be right.
    raise (SourceError if found else DeviceError)(
        f"{wanted if name else 'there is no default microphone'}; "
        f"{'it could be' if found else 'there are'} {listed}"
    )
