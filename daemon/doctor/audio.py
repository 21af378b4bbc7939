"""PortAudio, the sources of the config, and who has what in hand on ALSA."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from instrd.daemon.config import SourceChoice
from instrd.daemon.doctor.finding import Finding, wrong
from instrd.daemon.errors import DeviceError, SourceError, exit_code_of
from instrd.daemon.recording.devices import choose_device, find_device, list_devices, portaudio
from instrd.daemon.sources import check_source as check_source_uri
from instrd.daemon.sources import open_source, scheme_of
from instrd.daemon.sources.mic import wanted_of
from instrd.daemon.sources.uri import parse

PROC, SND = Path("/proc"), Path("/dev/snd")
SHARING = {"instrd", "pipewire", "pipewire-pulse", "pulseaudio", "wireplumber"}
"""Programs that may hold a device: ours, and those through which others share it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a capture device open."""

    device: str
    name: str
    pid: int


def check_portaudio() -> Finding:
    """Say which PortAudio there is; without one only microphones are missing."""
    try:
        _, version = portaudio().get_portaudio_version()
    except SourceError as error:
        return Finding("PortAudio", "warning", str(error))
    return Finding("PortAudio", "ok", version)


def check_devices() -> Finding:
    """Say which inputs PortAudio lists."""
    try:
        devices = list_devices()
    except SourceError:
        devices = ()
    names = ", ".join(f"{d.name!r} (default)" if d.default else repr(d.name) for d in devices)
    if not devices:
        advice = "plug one in; file:PATH, stdin: and synth: work without"
        return Finding("capture devices", "warning", "there is none", advice)
    if not any(device.default for device in devices):
        return Finding("capture devices", "warning", names, "none is the default: use mic:NAME")
    return Finding("capture devices", "ok", names)


def check_source(choice: SourceChoice) -> Finding:
    """Say whether a source of the config is there; a microphone is not opened, others are."""
    check = f"source {choice.uri}"
    if choice.uri == "auto":
        try:
            return Finding(check, "ok", f"microphone {find_device('').name!r}")
        except SourceError:
            found = "no default microphone: the bundled recording would play, once"
            return Finding(check, "warning", found, "name what to listen to")
    try:
        scheme = scheme_of(choice.uri)
        if scheme == "mic":
            return _check_microphone(check, choice)
        if scheme == "stdin":
            check_source_uri(choice.uri, loop=choice.loop)
            return Finding(check, "ok", "is looked at when instrd starts")
        source = open_source(choice.uri, pace=choice.pace, loop=choice.loop)
    except SourceError as error:
        return wrong(check, str(error), code=exit_code_of(error))
    source.close()
    return Finding(check, "ok", f"{source.description}, {source.rate_hz} Hz")


def _check_microphone(check: str, choice: SourceChoice) -> Finding:
    try:
        device = choose_device(wanted_of(parse(choice.uri), loop=choice.loop))
    except DeviceError as error:
        advice = "instrd waits for it; instrd devices lists the inputs"
        return Finding(check, "warning", str(error), advice)
    return Finding(check, "ok", f"microphone {device.name!r}")


def check_holders(proc: Path = PROC) -> Finding:
    """Say who has capture devices open, which may keep us from opening them."""
    found = list(_holders(proc))
    told = ", ".join(f"{one.device} by {one.name} ({one.pid})" for one in found)
    if not (proc / "asound").is_dir():
        return Finding("busy devices", "ok", "ALSA knows no sound card here")
    if not found:
        return Finding("busy devices", "ok", "no capture device is open")
    if {one.name for one in found} <= SHARING:
        return Finding("busy devices", "ok", f"open: {told}")
    advice = "end what is not needed, or let all go through PipeWire or PulseAudio"
    return Finding("busy devices", "warning", f"open: {told}", advice)


def check_permission(snd: Path = SND) -> Finding:
    """Say whether this user may open the capture devices himself."""
    nodes = sorted(snd.glob("pcm*c"))
    closed = [node.name for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if closed:
        advice = (
            "sudo usermod -aG audio $USER and log in anew; in a unit SupplementaryGroups=audio; "
            "not needed where a sound server has them"
        )
        return Finding("permission", "warning", f"closed to us: {', '.join(closed)}", advice)
    found = f"{len(nodes)} capture devices may be opened" if nodes else f"{snd} has none"
    return Finding("permission", "ok", found)


def _holders(proc: Path) -> Iterator[Holder]:
    for status in sorted(proc.glob("asound/card*/pcm*c/sub*/status")):
        owner = _field(status, "owner_pid")
        if owner:
            # The owner is the thread that opened it; people know its process.
            pid = _field(proc / owner / "status", "Tgid") or owner
            name = _field(proc / pid / "status", "Name") or "unknown"
            card, device = status.parts[-4], status.parts[-3]
            yield Holder(f"{card}/{device}", name, int(pid))


def _field(file: Path, key: str) -> str:
    """Return the value of a line `key : value`; empty where there is none any more."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    values = (
        value for name, _, value in (line.partition(":") for line in lines) if name.strip() == key
    )
    return next(values, "").strip()
