"""The rest of the machine: clocks and libraries."""

import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

import soundfile
import zmq

from instrd.daemon.doctor.finding import Finding, wrong
from instrd.daemon.exit_codes import ExitCode

LIBRARIES = ("instrd", "numpy", "onnxruntime", "pyzmq", "soundfile", "sounddevice")
LOOK_S = 0.05
AGREE_S = 0.05
"""The two clocks may differ by so much over `LOOK_S`."""
FIRST_YEAR = 2025
"""A machine without a battery for its clock starts long before."""
NTP_ADVICE = "let systemd-timesyncd or chrony keep the clock: times on the wire come from it"


def check_clocks(
    monotonic_s: Callable[[], float] = time.monotonic,
    wall_s: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Finding:
    """Say whether both clocks go on, together, and the wall clock is not absurd."""
    began, began_wall = monotonic_s(), wall_s()
    sleep(LOOK_S)
    passed, passed_wall = monotonic_s() - began, wall_s() - began_wall
    now = datetime.fromtimestamp(wall_s(), UTC)
    found = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    told = f"{found}; in {passed:.3f} s the wall clock went {passed_wall:.3f} s"
    if passed == 0.0 or passed_wall == 0.0:
        advice = "a clock stands still: restart the machine"
        return wrong("clocks", told, advice, ExitCode.FAILED)
    if abs(passed - passed_wall) > AGREE_S:
        return Finding("clocks", "warning", told, "something sets the clock right now; ask again")
    if now.year < FIRST_YEAR:
        return Finding("clocks", "warning", found, f"the clock is not set; {NTP_ADVICE}")
    return Finding("clocks", "ok", found)


def check_ntp(program: str | None = None) -> Finding:
    """Say whether somebody keeps the wall clock right, as far as systemd knows."""
    asked = program or shutil.which("timedatectl")
    if asked is None:
        return Finding("NTP", "warning", "unknown: there is no timedatectl", NTP_ADVICE)
    command = [asked, "show", "--property=NTPSynchronized", "--value"]
    done = subprocess.run(  # noqa: S603  # a fixed command
        command, capture_output=True, text=True, check=False, timeout=5
    )
    if done.stdout.strip() == "yes":
        return Finding("NTP", "ok", "the wall clock is synchronised")
    if done.returncode:
        told = " ".join(done.stderr.split()) or f"timedatectl ended with {done.returncode}"
        return Finding("NTP", "warning", f"unknown: {told}", NTP_ADVICE)
    return Finding("NTP", "warning", "the wall clock is not synchronised", NTP_ADVICE)


def check_versions() -> Finding:
    """Say what is installed."""
    ours = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    inside = f"libzmq {zmq.zmq_version()}, libsndfile {soundfile.__libsndfile_version__}"
    return Finding("versions", "ok", f"Python {platform.python_version()}, {ours}, {inside}")
