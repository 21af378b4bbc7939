"""`instrd check-config`."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from instrd.daemon.config import Config, contradictions
from instrd.daemon.configfile import read_sections, refuse_mistakes
from instrd.daemon.endpoints import check_endpoint
from instrd.daemon.errors import InstrdError
from instrd.daemon.hearing import hearing_for_run
from instrd.daemon.ipc import checked_path, refuse_shared
from instrd.daemon.security import read_security
from instrd.daemon.sources import check_source
from instrd.models.errors import BundleError


def check_config(
    file: Annotated[Path, typer.Argument(help="A TOML file of settings.")] = Path("config.toml"),
) -> None:
    """Say everything that is wrong with a file of settings, at once.

    Of one with unknown settings or values, these come first.
    """
    refuse_mistakes(file, list(mistakes_of(read_sections(file))))
    typer.echo(f"{file}: good")


def mistakes_of(settings: Config) -> Iterator[str]:
    """Yield a line for each thing with which `instrd run` would not start."""
    yield from contradictions(settings)
    for check in _checks_of(settings):
        try:
            check()
        except (InstrdError, BundleError) as error:
            yield from str(error).splitlines()


def _checks_of(settings: Config) -> Iterator[Callable[[], object]]:
    has_keys = bool(settings.security.server_key)
    for endpoint in settings.daemon.publish:
        yield partial(check_endpoint, endpoint, has_keys=has_keys)
    if settings.daemon.control not in {"", "none"}:
        yield partial(_check_control, settings.daemon.control)
    yield partial(read_security, settings.security)
    for choice in settings.source:
        if choice.uri != "auto":
            yield partial(check_source, choice.uri, loop=choice.loop)
    yield partial(hearing_for_run, settings, "check")


def _check_control(endpoint: str) -> None:
    folder = checked_path(endpoint).parent
    if os.path.isdir(folder):  # noqa: PTH112 - it never raises
        refuse_shared(folder)
