"""`instrd ask`: one command to a running instrd, from a terminal or a script."""

from typing import Annotated, Any

import msgspec
import typer

from instrd.clients.control import KEYS, default_endpoint, request
from instrd.clients.protocol import Probability
from instrd.daemon.errors import ConfigError, InstrdError

Thresholds = list[str] | None
WAIT_S = {"set_model": 60.0, "reload": 60.0}
"""A model is tried out before it takes over; for the other commands a moment is enough."""


def ask(
    command: Annotated[str, typer.Argument(help=f"One of {', '.join(KEYS)}.")],
    *,
    model: Annotated[str | None, typer.Option(help="set_model: the name of a bundle.")] = None,
    source: Annotated[
        str | None, typer.Option(help="pause, resume, get_state: the id of one; else all.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="set_mask: only these, as piano,guitar; else all.")
    ] = None,
    on: Annotated[
        Thresholds, typer.Option(help="set_thresholds: as piano=0.7; again for more.")
    ] = None,
    off: Annotated[
        Thresholds, typer.Option(help="set_thresholds: as piano=0.5; again for more.")
    ] = None,
    connect: Annotated[
        str | None, typer.Option(help="Its control endpoint; default: the one of this user.")
    ] = None,
) -> None:
    """Ask a running instrd to do something, and print its answer as JSON."""
    if command not in KEYS:
        raise ConfigError(f"unknown command {command!r}; allowed: {', '.join(KEYS)}")
    fields: dict[str, Any] = {
        "model": model,
        "source": source,
        "labels": None if labels is None else [label.strip() for label in labels.split(",")],
        "thresholds_on": _by_label("--on", on),
        "thresholds_off": _by_label("--off", off),
    }
    # whatever was given is sent, empty or not of this command too: instrd says what is wrong
    given = {name: value for name, value in fields.items() if value is not None}
    wait_s = WAIT_S.get(command, 2.0)
    endpoint = default_endpoint() if connect is None else connect
    reply = request(endpoint, command, timeout_s=wait_s, **given)
    if not reply.ok:
        raise InstrdError(reply.error or "no reason was given")
    typer.echo(msgspec.json.format(msgspec.json.encode(reply.result), indent=1).decode())


def _by_label(option: str, texts: Thresholds) -> dict[str, float] | None:
    """Return what stands as LABEL=PROBABILITY, if anything; raises `ConfigError`."""
    if not texts:
        return None
    found = {}
    for text in texts:
        label, _, probability = text.partition("=")
        try:
            found[label.strip()] = msgspec.convert(probability, Probability, strict=False)
        except msgspec.ValidationError as error:
            allowed = "LABEL=PROBABILITY, from 0 to 1"
            raise ConfigError(f"{option}: got {text!r}, allowed: {allowed}") from error
    return found
