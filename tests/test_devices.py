"""`instrd devices` lists what there is, or says that there is nothing."""

import pytest
from program import call

from instrd.daemon import cli
from instrd.daemon.recording.devices import Device
from instrd.daemon.recording.identity import identify


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((), "no microphone or line input is there"),
        (
            (Device(0, "USB", "ALSA", 2, 48_000, default=True, identity=identify("USB", "ALSA")),),
            "USB (default)",
        ),
    ],
)
def test_inputs_are_listed_or_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: tuple[Device, ...],
    told: str,
) -> None:
    monkeypatch.setattr(cli, "list_devices", lambda: found)
    assert call("devices") == 0
    assert told in capsys.readouterr().out
