"""A device is known again by what does not change of it."""

from pathlib import Path

import pytest

from instrd.daemon.recording.identity import Identity, identify, same_device

USB = Identity("ALSA", "USB Audio (hw:*,0)", "1-1.4")
NUMBERED = Identity("ALSA", "USB Audio (hw:*,0)", "1-1.4", "S123")


def plug_in(cards: Path, card: int, usb_path: str, serial: str = "") -> None:
    """Make what Linux shows of a sound card that is plugged in by USB."""
    device = cards / "devices" / usb_path
    (device / f"{usb_path}:1.0").mkdir(parents=True)
    if serial:
        (device / "serial").write_text(f"{serial}\n")
    (cards / f"card{card}").mkdir()
    (cards / f"card{card}" / "device").symlink_to(device / f"{usb_path}:1.0")


def test_the_number_of_the_card_is_no_part_of_it(tmp_path: Path) -> None:
    plug_in(tmp_path, 2, "1-1.4")
    assert identify("USB Audio (hw:2,0)", "ALSA", tmp_path) == USB


def test_a_serial_number_is(tmp_path: Path) -> None:
    plug_in(tmp_path, 0, "1-1.4", "S123")
    assert identify("USB Audio (hw:0,0)", "ALSA", tmp_path) == NUMBERED


def test_what_is_not_plugged_in_by_usb_has_its_name(tmp_path: Path) -> None:
    assert identify("HDA Intel (hw:0,0)", "ALSA", tmp_path).name == "HDA Intel (hw:*,0)"
    assert identify("default", "ALSA", tmp_path) == Identity("ALSA", "default")
    assert identify("Built-in", "Core Audio", tmp_path) == Identity("Core Audio", "Built-in")


@pytest.mark.parametrize(
    ("known", "found", "same"),
    [
        (USB, [USB], [0]),
        (USB, [], []),
        (USB, [Identity("ALSA", "HDA (hw:*,0)"), USB], [1]),
        # the same make in another socket is another device, unless it is numbered
        (USB, [Identity("ALSA", USB.name, "1-2")], []),
        (NUMBERED, [Identity("ALSA", USB.name, "1-2", "S123")], [0]),
        (NUMBERED, [Identity("ALSA", USB.name, "1-1.4", "S999")], []),
        # a maker that gives all of them one number
        (NUMBERED, [Identity("ALSA", USB.name, "1-2", "S123"), NUMBERED], [1]),
        (
            NUMBERED,
            [
                Identity("ALSA", USB.name, "1-2", "S123"),
                Identity("ALSA", USB.name, "1-3", "S123"),
            ],
            [0, 1],
        ),
        (Identity("JACK", "system"), [Identity("ALSA", "system")], []),
    ],
)
def test_only_the_same_device_is_taken_for_it(
    known: Identity, found: list[Identity], same: list[int]
) -> None:
    assert same_device(known, [(one, index) for index, one in enumerate(found)]) == same
