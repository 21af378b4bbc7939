"""The audio inputs of this machine, as PortAudio lists them."""

import sys
from dataclasses import dataclass
from typing import Any

from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.recording.identity import Identity, identify, same_device
from instrd.daemon.recording.messages import Wanted

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
    identity: Identity


def portaudio() -> Any:
    """Return the sounddevice module; loading it starts PortAudio, so only microphones do."""
    try:
        import sounddevice  # noqa: PLC0415  # machines without PortAudio play files all the same
    except (OSError, ImportError) as error:
        raise SourceError(
            "no microphone can be opened, the PortAudio library is missing: "
            f"apt-get install libportaudio2; {OTHERS}"
        ) from error
    except Exception as error:
        # PortAudio starts inside the import; its error type cannot be had when that fails.
        raise DeviceError(f"PortAudio does not start here: {error}; {OTHERS}") from error
    return sounddevice


def restart_portaudio() -> None:
    """Let PortAudio look for devices anew: it lists those that were there when it started."""
    module = sys.modules.get("sounddevice")
    if module is not None:
        module._terminate()  # noqa: SLF001  # sounddevice offers nothing else
        module._initialize()  # noqa: SLF001


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
            identity=identify(found["name"], host_apis[found["hostapi"]]["name"]),
        )
        for found in sounddevice.query_devices()
        if found["max_input_channels"] > 0
    )


def choose_device(wanted: Wanted) -> Device:
    """Return the device to record. Raises DeviceError where it is not there now."""
    device = find_device(wanted.name) if wanted.known is None else _find_again(wanted.known)
    if wanted.channel is not None and wanted.channel > device.channels:
        allowed = f"allowed 1..{device.channels} of {device.name!r}"
        raise SourceError(f"microphone: got channel {wanted.channel}, {allowed}")
    return device


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


def _find_again(known: Identity) -> Device:
    found = same_device(known, [(device.identity, device) for device in list_devices()])
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceError(f"microphone {known.name!r} cannot be told from another one like it")
    where = f" at USB {known.usb_path}" if known.usb_path and not known.serial else ""
    raise DeviceError(f"microphone {known.name!r}{where} is gone")
