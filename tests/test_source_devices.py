"""Microphones on machines that have none, or no PortAudio."""

import sys

import pytest
from fake_portaudio import FakePortAudio

from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.recording.devices import choose_device, list_devices
from instrd.daemon.recording.identity import Identity
from instrd.daemon.recording.messages import Wanted
from instrd.daemon.recording.recorder import Recorder
from instrd.daemon.sources import open_source
from instrd.daemon.sources.mic import wanted_of
from instrd.daemon.sources.uri import parse


@pytest.fixture
def no_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, path: object, target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])


@pytest.mark.usefixtures("no_portaudio")
def test_without_portaudio_it_is_said_what_to_install_and_what_else_works() -> None:
    with pytest.raises(SourceError, match="apt-get install libportaudio2"):
        list_devices()
    with pytest.raises(SourceError, match=r"apt-get install libportaudio2; .* use file:PATH"):
        choose_device(Wanted())


@pytest.mark.usefixtures("no_portaudio")
def test_other_sources_need_no_portaudio() -> None:
    assert open_source("synth:", pace="fast").read() is not None


@pytest.mark.parametrize(
    ("names", "default", "uri", "said"),
    [
        ([], -1, "mic:", "this machine has no audio input; .* use file:PATH"),
        (["speaker"], -1, "mic:x", "this machine has no audio input"),
        (["USB", "HDA"], -1, "mic:", "there is no default microphone; there are 'USB', 'HDA'"),
        (["USB 1", "USB 2"], 0, "mic:usb", "'usb' is ambiguous; it could be 'USB 1', 'USB 2'"),
        (["USB", "speaker"], 0, "mic:hda", "'hda' is unknown; there are 'USB'"),
        (["USB", "USB 2"], 0, "mic:USB?channel=3", "got channel 3, allowed 1..2 of 'USB'"),
        (["USB"], 0, "mic:?rate=96000", 'microphone "USB": .* 2 channels at 96000 Hz .Device busy'),
    ],
)
def test_a_microphone_that_cannot_be_opened_says_why(
    names: list[str], default: int, uri: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(names, default))
    wanted = wanted_of(parse(uri))
    with pytest.raises(SourceError, match=said):
        Recorder(choose_device(wanted), wanted)


def test_a_known_device_is_opened_again_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Wanted("u", known=Identity("ALSA", "USB"))
    for names in (["USB", "USB 2"], ["USB 2", "USB"]):
        monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(names, 0))
        assert choose_device(known).name == "USB"
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["USB 2"], 0))
    with pytest.raises(DeviceError, match="microphone 'USB' is gone"):
        choose_device(known)
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["USB", "USB"], 0))
    with pytest.raises(DeviceError, match="cannot be told from another one like it"):
        choose_device(known)


def test_only_inputs_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["speaker", "USB", "HDA"], 2))
    devices = list_devices()
    assert [(device.name, device.default) for device in devices] == [("USB", False), ("HDA", True)]
