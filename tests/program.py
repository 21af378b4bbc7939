"""Runs the program `instrd`, in this process or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from instrd.daemon.cli import main

PROGRAM = [sys.executable, "-c", "from instrd.daemon.cli import main; main()"]


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def started(*arguments: str | Path, extra: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (extra or {}),
    )
