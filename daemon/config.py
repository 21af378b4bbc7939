"""What can be set, its defaults, and which settings do not go together."""

import os
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from instrd.daemon.errors import ConfigError
from instrd.models.mistakes import key_shown

Seconds = Annotated[float, Meta(ge=0.0, le=60.0)]
Dbfs = Annotated[float, Meta(ge=-120.0, le=0.0)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Pace = Literal["realtime", "fast"]
Device = Literal["cpu", "cuda"]


class Daemon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this is and where it speaks."""

    node: Annotated[str, Meta(max_length=64)] = ""
    """Name of this machine on the wire; empty: its host name."""
    publish: tuple[str, ...] = ("tcp://127.0.0.1:5570",)
    control: str = ""
    """Empty: an ipc socket in the user's runtime directory. "none": no control."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class KeyFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may listen from other machines; both are needed for an endpoint beyond loopback."""

    server_key: str = ""
    """The secret key file of this instrd; `instrd keygen` makes it."""
    clients: str = ""
    """A folder of the public key files (*.key) of those who may connect."""


class SourceChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to listen to."""

    uri: str = "auto"
    id: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{0,32}\Z")] = ""
    """Name of the source on the wire; empty: made from the uri."""
    pace: Pace = "realtime"
    loop: bool = False


class ModelChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model judges, and on what."""

    name: str = "base"
    device: Device = "cpu"
    folders: tuple[str, ...] = ()
    """Where further bundles lie."""


class Analysis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the stream is cut."""

    hop_s: Annotated[float, Meta(ge=0.02, le=1.0)] = 0.1
    """Time between judgements."""
    ring_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 4.0
    """How much captured sound waits at most; what is older is lost, and counted."""
    max_late_hops: Annotated[int, Meta(ge=1, le=100)] = 2
    """A live source whose reader is further behind skips to the newest hop."""


class GateLevels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Below these levels there is silence."""

    open_dbfs: Dbfs = -50.0
    close_dbfs: Dbfs = -56.0
    hold_s: Seconds = 0.5


class DecisionTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a probability becomes an event."""

    smoothing_s: Seconds = 0.02
    min_on_s: Seconds = 0.05
    min_off_s: Seconds = 0.3
    margin: Probability = 0.1
    mask: tuple[str, ...] = ()
    """Only these labels may be named; empty: all."""


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On and off for one label, in place of the model's."""

    on: Probability
    off: Probability


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set; config.toml mirrors it."""

    daemon: Daemon = Daemon()
    security: KeyFiles = KeyFiles()
    source: tuple[SourceChoice, ...] = (SourceChoice(),)
    model: ModelChoice = ModelChoice()
    analysis: Analysis = Analysis()
    gate: GateLevels = GateLevels()
    decision: DecisionTimes = DecisionTimes()
    thresholds: dict[str, Threshold] = {}


def refuse_contradictions(config: Config) -> None:
    """Raise `ConfigError` of settings that do not go together, of a file and a command line."""
    if errors := contradictions(config):
        raise ConfigError("\n".join(errors))


def contradictions(config: Config) -> list[str]:
    """Return a line for each pair of settings that do not go together."""
    errors = []
    if config.gate.close_dbfs > config.gate.open_dbfs:
        errors.append(
            f"gate.close_dbfs: got {config.gate.close_dbfs}, "
            f"allowed at most gate.open_dbfs ({config.gate.open_dbfs})"
        )
    late_s, ring_s = config.analysis.max_late_hops * config.analysis.hop_s, config.analysis.ring_s
    if late_s > ring_s:
        errors.append(
            f"analysis.max_late_hops: got {config.analysis.max_late_hops} hops, {late_s:g} s; "
            f"allowed at most what analysis.ring_s holds ({ring_s:g} s)"
        )
    errors += [
        f"thresholds.{key_shown(label)}.off: got {threshold.off}, "
        f"allowed at most its on ({threshold.on})"
        for label, threshold in config.thresholds.items()
        if threshold.off > threshold.on
    ]
    names = [choice.id for choice in config.source if choice.id]
    errors += [
        f"source: the id {name!r} stands twice" for name in {*names} if names.count(name) > 1
    ]
    if bool(config.security.server_key) != bool(config.security.clients):
        missing = "clients" if config.security.server_key else "server_key"
        errors.append(f"security.{missing}: is missing; server_key and clients go together")
    if not config.source:
        errors.append("source: there is none")
    if sum(choice.uri.partition(":")[0] == "stdin" for choice in config.source) > 1:
        errors.append("source: stdin: stands twice, there is only one standard input")
    publish = [_in_one_spelling(endpoint) for endpoint in config.daemon.publish]
    # Of a port that the system chooses there may be several.
    fixed = [one for one in publish if not one.endswith((":*", ":0"))]
    errors += [f"daemon.publish: {one} stands twice" for one in {*fixed} if fixed.count(one) > 1]
    if (control := _in_one_spelling(config.daemon.control)) in publish:
        errors.append(f"daemon.control: {control} stands in daemon.publish too")
    if not config.daemon.publish:
        errors.append("daemon.publish: there is none")
    return errors


def _in_one_spelling(endpoint: str) -> str:
    """Return an endpoint as all that mean the same are written, if it is one."""
    if endpoint.startswith("ipc:///"):
        return f"ipc:///{os.path.normpath(endpoint[7:]).lstrip('/')}"
    tcp = re.fullmatch(r"(tcp://[^:/]+):([0-9]{1,5})", endpoint)
    return f"{tcp[1]}:{int(tcp[2])}" if tcp else endpoint
