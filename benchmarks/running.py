"""An instrd in a process of its own, while a benchmark looks at it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PROGRAM = [sys.executable, "-c", "from instrd.daemon.cli import main; main()"]
STOP_S = 30.0


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield the process of `instrd` with these arguments; what it says on errors is seen.

    It is told to end (SIGTERM) where it has not, and has ended when this returns: its exit code is
    in `returncode`. Raises `subprocess.TimeoutExpired` if it does not end within `STOP_S`.
    """
    command = [*PROGRAM, *arguments]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_S)


def run_with(folder: Path, settings: str, *arguments: str | Path) -> list[str]:
    """Return the arguments of a run without a dashboard, with settings of its own in a folder."""
    path = folder / "settings.toml"
    path.write_text(settings)
    return ["run", "--no-dashboard", "--config", str(path), *map(str, arguments)]
