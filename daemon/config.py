"""What can be set, its defaults, and one list of everything that is wrong with a file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from instrd.daemon.errors import ConfigError

Seconds = Annotated[float, Meta(ge=0.0, le=60.0)]
Dbfs = Annotated[float, Meta(ge=-120.0, le=0.0)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")]
Section = msgspec.Struct
MOST_BYTES = 256 * 1024
MOST_SHOWN = 60


class Daemon(Section, frozen=True, forbid_unknown_fields=True):
    """Who this is and where it speaks."""

    node: Annotated[str, Meta(max_length=64)] = ""
    """Name of this machine on the wire; empty: its host name."""
    publish: tuple[str, ...] = ("tcp://127.0.0.1:5570",)
    control: str = ""
    """Empty: an ipc socket in the user's runtime directory. "none": no control."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class KeyFiles(Section, frozen=True, forbid_unknown_fields=True):
    """Who may listen from other machines; both are needed for an endpoint beyond loopback."""

    server_key: str = ""
    """The secret key file of this instrd; `instrd keygen` makes it."""
    clients: str = ""
    """A folder of the public key files (*.key) of those who may connect."""


class SourceChoice(Section, frozen=True, forbid_unknown_fields=True):
    """One thing to listen to."""

    uri: str = "auto"
    id: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{0,32}\Z")] = ""
    """Name of the source on the wire; empty: made from the uri."""
    pace: Literal["realtime", "fast"] = "realtime"
    loop: bool = False


class ModelChoice(Section, frozen=True, forbid_unknown_fields=True):
    """Which model judges, and on what."""

    name: Name = "base"
    device: Literal["cpu", "cuda"] = "cpu"
    folders: tuple[str, ...] = ()
    """Where further bundles lie."""


class Analysis(Section, frozen=True, forbid_unknown_fields=True):
    """How the stream is cut."""

    hop_s: Annotated[float, Meta(ge=0.02, le=1.0)] = 0.1
    """Time between judgements."""
    ring_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 4.0
    """How much captured sound waits at most; what is older is lost, and counted."""
    max_late_hops: Annotated[int, Meta(ge=1, le=100)] = 2
    """A live source whose reader is further behind skips to the newest hop."""


class GateLevels(Section, frozen=True, forbid_unknown_fields=True):
    """Below these levels there is silence."""

    open_dbfs: Dbfs = -50.0
    close_dbfs: Dbfs = -56.0
    hold_s: Seconds = 0.5


class DecisionTimes(Section, frozen=True, forbid_unknown_fields=True):
    """When a probability becomes an event."""

    smoothing_s: Seconds = 0.02
    min_on_s: Seconds = 0.05
    min_off_s: Seconds = 0.3
    margin: Probability = 0.1
    mask: tuple[str, ...] = ()
    """Only these labels may be named; empty: all."""


class Threshold(Section, frozen=True, forbid_unknown_fields=True):
    """On and off for one label, in place of the model's."""

    on: Probability
    off: Probability


class Config(Section, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set; config.toml mirrors it."""

    daemon: Daemon = Daemon()
    security: KeyFiles = KeyFiles()
    source: tuple[SourceChoice, ...] = (SourceChoice(),)
    model: ModelChoice = ModelChoice()
    analysis: Analysis = Analysis()
    gate: GateLevels = GateLevels()
    decision: DecisionTimes = DecisionTimes()
    thresholds: dict[str, Threshold] = {}  # noqa: RUF012 - msgspec copies it


def read_config(path: Path) -> Config:
    """Read a TOML file; raises `ConfigError` that lists every mistake in it at once."""
    content = _tables(path)
    errors: list[str] = []
    config: Config = _section(Config, content, "", errors)
    if not errors:
        errors = _contradictions(config)
    if errors:
        listed = "\n".join(f"  {error}" for error in errors)
        raise ConfigError(f"{path} has {len(errors)} mistake(s):\n{listed}")
    return config


def _tables(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{path}: is larger than the allowed {MOST_BYTES} bytes")
    try:
        return tomllib.loads(text.decode())
    except RecursionError as error:
        raise ConfigError(f"{path}: is not TOML that can be read: nested too deeply") from error
    except ValueError as error:
        # of TOML, of UTF-8, or of a number with thousands of digits
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _section(kind: type[Any], content: Any, key: str, errors: list[str]) -> Any:
    """Convert a table field by field, so that one mistake does not hide the next."""
    if not isinstance(content, dict):
        errors.append(f"{key}: got {_shown(content)}, allowed a table")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    prefix = f"{key}." if key else ""
    errors.extend(
        f"{prefix}{_name(unknown)}: is not a setting; allowed: {', '.join(fields)}"
        for unknown in content
        if unknown not in fields
    )
    errors.extend(
        f"{prefix}{name}: is missing"
        for name, field in fields.items()
        if field.required and name not in content
    )
    values = {
        name: _value(field.type, content[name], f"{prefix}{name}", errors)
        for name, field in fields.items()
        if name in content
    }
    return None if errors else kind(**values)


def _value(kind: Any, content: Any, key: str, errors: list[str]) -> Any:
    if isinstance(kind, type) and issubclass(kind, Section):
        return _section(kind, content, key, errors)
    inner = get_args(kind)[-1] if get_origin(kind) is dict else (get_args(kind) or (None,))[0]
    if isinstance(inner, type) and issubclass(inner, Section):
        if get_origin(kind) is dict and isinstance(content, dict):
            return {n: _section(inner, v, f"{key}.{_name(n)}", errors) for n, v in content.items()}
        if get_origin(kind) is tuple and isinstance(content, list):
            return tuple(_section(inner, v, f"{key}[{n}]", errors) for n, v in enumerate(content))
    try:
        value = msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        errors.append(f"{key}: got {_shown(content)}; {str(error)[:1].lower()}{str(error)[1:]}")
        return None
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN passes every bound
        errors.append(f"{key}: got nan, allowed a number")
    return value


def _contradictions(config: Config) -> list[str]:
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
        f"thresholds.{_name(label)}.off: got {threshold.off}, "
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
    if not config.daemon.publish:
        errors.append("daemon.publish: there is none")
    return errors


def _name(key: str) -> str:
    """Return a key of a file as it can stand in a list of mistakes, a line for each."""
    return key if key.isprintable() and len(key) <= MOST_SHOWN else _shown(key)


def _shown(content: Any) -> str:
    try:
        text = repr(content)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number that is too long"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."
