"""Tables for people at a terminal."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from instrd.clients.printable import printable
from instrd.daemon.classify import Verdict
from instrd.daemon.recording.devices import Device
from instrd.models.bundle import Manifest, list_bundles, read_bundle
from instrd.models.errors import BundleError
from instrd.models.members import find_members

STRONGEST = 3
"""Labels whose probability a table shows."""


def verdict_table(verdicts: Iterable[Verdict], mask: Sequence[str] = ()) -> Table:
    """Return a row a file; of a mask only its labels' probabilities are shown."""
    table = Table(Column("file", overflow="fold"), "decision", "mean p", "events")
    for verdict in verdicts:
        asked = {label: p for label, p in verdict.p.items() if not mask or label in mask}
        ranked = sorted(asked.items(), key=lambda item: -item[1])[:STRONGEST]
        strongest = ", ".join(f"{label} {p:.2f}" for label, p in ranked)
        events = "\n".join(
            f"{event.label} {event.t_on_s:.1f}-{event.t_off_s:.1f} s" for event in verdict.events
        )
        table.add_row(_foreign(verdict.path), Text(verdict.decision, "bold"), strongest, events)
    return table


def device_table(devices: Iterable[Device]) -> Table:
    table = Table("name", "host API", "channels", "rate")
    for device in devices:
        name = f"{device.name} (default)" if device.default else device.name
        rate = f"{device.rate_hz} Hz"
        table.add_row(_foreign(name), _foreign(device.host_api), str(device.channels), rate)
    return table


def model_table(folders: Sequence[Path]) -> Table:
    """Return every bundle in `folders` and of those that came along, broken ones too."""
    table = Table("name", "kind", "looks back", "labels", "what it is")
    for name, folder in list_bundles(folders).items():
        try:
            manifest = read_bundle(folder).manifest
            find_members(manifest, folders)
        except BundleError as error:
            table.add_row(name, "", "", "", _foreign(f"broken: {error.reason}", "red"))
            continue
        labels = ", ".join(manifest.labels)
        looks_back, about = f"{manifest.window_s:.2f} s", _foreign(manifest.description)
        table.add_row(name, _kind(manifest), looks_back, labels, about)
    return table


def _kind(manifest: Manifest) -> str:
    names = ", ".join(member.name for member in manifest.members)
    return f"{manifest.kind} ({manifest.vote}) of {names}" if names else manifest.kind


def _foreign(text: str, style: str = "") -> Text:
    """Return what files and devices say, so that neither rich nor the terminal obeys it."""
    return Text("\n".join(map(printable, text.splitlines())), style)
