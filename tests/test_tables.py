"""Tables show what files and devices say; neither rich nor the terminal obeys it."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tone_bundle import tone_bundle

from instrd.daemon.classify import Verdict
from instrd.daemon.recording.devices import Device
from instrd.daemon.recording.identity import identify
from instrd.daemon.tables import device_table, model_table, verdict_table
from instrd.models.bundle import MANIFEST

EVIL = "bad [/x] [red]tag \x1b[2J"
SHOWN = "bad [/x] [red]tag ?[2J"


def printed(table: Table) -> str:
    console = Console(width=200, record=True, force_terminal=True)
    console.print(table)
    return console.export_text()


def test_a_description_of_a_bundle_is_shown_as_it_is(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "tones", description=f"{EVIL}\nin two lines")
    shown = printed(model_table([tmp_path]))
    assert SHOWN in shown
    assert "in two lines" in shown


def test_what_is_wrong_with_a_bundle_is_shown_as_it_is(tmp_path: Path) -> None:
    folder = tone_bundle(tmp_path / "tones").folder
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {EVIL: 1}))
    assert SHOWN in printed(model_table([tmp_path]))


def test_what_a_device_is_called_is_shown_as_it_is() -> None:
    identity = identify(EVIL, EVIL)
    device = Device(0, EVIL, EVIL, 1, 48_000, default=True, identity=identity)
    assert printed(device_table([device])).count(SHOWN) == 2


def test_the_name_of_a_file_is_shown_as_it_is() -> None:
    verdict = Verdict(path=EVIL, decision="low", p={"low": 1.0}, events=())
    assert SHOWN in printed(verdict_table([verdict]))
