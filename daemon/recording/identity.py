"""Which device it is, whatever number it has after it was plugged in again."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

CARDS = Path("/sys/class/sound")
ALSA_CARD = re.compile(r"\(hw:(\d+),")
USB_INTERFACE = re.compile(r"(\d+-[\d.]+):[\d.]+")
T = TypeVar("T")


class Identity(msgspec.Struct, frozen=True):
    """What stays the same of a device when it comes back."""

    host_api: str
    name: str
    """Without the number that ALSA gives its card in the order of plugging in."""
    usb_path: str = ""
    """Where it is plugged in, as `1-1.4`; empty: not by USB, or not on Linux."""
    serial: str = ""
    """What its maker has numbered it with; many have none."""


def identify(name: str, host_api: str, cards: Path = CARDS) -> Identity:
    """Return the identity of the device that PortAudio lists by that name."""
    card = ALSA_CARD.search(name)
    if card is None:
        return Identity(host_api, name)
    device = (cards / f"card{card[1]}" / "device").resolve()
    bare = ALSA_CARD.sub("(hw:*,", name)
    interface = USB_INTERFACE.fullmatch(device.name)
    if interface is None:
        return Identity(host_api, bare)
    serial = device.parent / "serial"
    try:
        return Identity(host_api, bare, interface[1], serial.read_text().strip())
    except OSError:
        return Identity(host_api, bare, interface[1])


def same_device(known: Identity, found: Iterable[tuple[Identity, T]]) -> list[T]:
    """Return what is found of the known device: one thing, or several that nothing tells apart.

    A serial number goes with the device to any socket; without one the socket must be the same.
    Devices that share a serial number are told apart by their sockets.
    """
    alike = [
        (one, thing)
        for one, thing in found
        if (one.host_api, one.name, one.serial) == (known.host_api, known.name, known.serial)
    ]
    here = [thing for one, thing in alike if one.usb_path == known.usb_path]
    if here or not known.serial:
        return here
    return [thing for _, thing in alike]
