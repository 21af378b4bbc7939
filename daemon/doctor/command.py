"""`instrd doctor`."""

import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from instrd.daemon.doctor.examination import examine
from instrd.daemon.doctor.finding import Finding, exit_code_for

COLOURS = {"ok": "green", "warning": "yellow", "error": "bold red"}


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings that instrd would run with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line a finding.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Look at everything instrd needs, and say what to do where something is missing.

    Ends with exit code 0 where nothing is an error, else with the one 'instrd run' would have.
    """
    findings = []
    for finding in examine(config):
        findings.append(finding)
        if as_json:
            sys.stdout.write(msgspec.json.encode(finding).decode() + "\n")
    if not as_json:
        Console().print(finding_table(findings))
    exit_code = exit_code_for(findings)
    if any(thread.name.startswith("check ") for thread in threading.enumerate()):
        # A check hangs inside a library, whose orderly end would hang as well.
        sys.stdout.flush()
        os._exit(exit_code)
    raise typer.Exit(exit_code)


def finding_table(findings: list[Finding]) -> Table:
    """Return one line a finding, and under it what to do about it."""
    table = Table("state", "check", Column("found", overflow="fold"), box=None)
    for one in findings:
        advice = f"\n-> {one.advice}" if one.advice else ""
        state = Text(one.state, COLOURS[one.state])
        table.add_row(state, Text(one.check), Text(f"{one.found}{advice}"))
    return table
