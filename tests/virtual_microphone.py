"""A microphone without hardware: a private PulseAudio whose null sink is heard as an input.

It needs neither root nor systemd nor D-Bus and leaves the machine's own sound server alone.
PortAudio reads the environment when it starts, so what listens runs in its own process with
`env`.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000
CHANNELS = 2
DEADLINE_S = 10.0
PROGRAMS = ("pulseaudio", "pactl", "pacat", "paplay", "parec")
MISSING = tuple(program for program in PROGRAMS if shutil.which(program) is None)
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
SERVER = f"""
load-module module-native-protocol-unix auth-anonymous=1 socket={{folder}}/native
load-module module-null-sink sink_name=vmic rate={RATE_HZ} channels={CHANNELS}
set-default-sink vmic
set-default-source vmic.monitor
"""
ALSA = """
pcm.pulse {{ type pulse; server "{server}"; }}
ctl.pulse {{ type pulse; server "{server}"; }}
pcm.!default {{ type pulse; server "{server}"; }}
"""


@dataclass(frozen=True, slots=True)
class VirtualMicrophone:
    """What is played to it is heard by every process that has `env`."""

    env: dict[str, str]
    server: "subprocess.Popen[bytes]"

    def play(self, sound: Path | NDArray[np.float32]) -> None:
        """Play a file, or (n,) mono samples at `RATE_HZ`, to its end."""
        if isinstance(sound, Path):
            subprocess.run(["paplay", "--device=vmic", str(sound)], env=self.env, check=True)
            return
        command = ["pacat", "--playback", "--raw", "--format=float32le", f"--rate={RATE_HZ}"]
        command += ["--channels=1", "--device=vmic"]
        content = sound.astype("<f4").tobytes()
        subprocess.run(command, env=self.env, input=content, check=True)


@contextmanager
def virtual_microphone(folder: Path) -> Iterator[VirtualMicrophone]:
    """Start one whose files lie in the empty, private `folder`; stop it at the end."""
    env = _prepare(folder)
    command = ["pulseaudio", "-n", "-F", str(folder / "default.pa"), "--daemonize=no"]
    command += ["--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "--realtime=no"]
    command += ["--high-priority=no"]
    with ExitStack() as stack:
        server = stack.enter_context(_running(command, env))
        _wait_for_server(env)
        stack.enter_context(ticking(env))
        _wait_for_sound(env)
        yield VirtualMicrophone(env, server)


@contextmanager
def ticking(env: dict[str, str], sound: str = "/dev/zero") -> Iterator[None]:
    """Play a file of bytes; an idle null sink sleeps up to 2 s between renders."""
    command = ["pacat", "--playback", "--raw", "--latency-msec=10", "--device=vmic"]
    with _running([*command, "--volume=6554", sound], env):
        yield


def _prepare(folder: Path) -> dict[str, str]:
    folder.chmod(0o700)
    server = f"unix:{folder}/native"
    (folder / "default.pa").write_text(SERVER.format(folder=folder))
    (folder / "asoundrc").write_text(ALSA.format(server=server))
    return {
        **os.environ,
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_STATE_PATH": str(folder),
        "PULSE_COOKIE": str(folder / "cookie"),
        "PULSE_SERVER": server,
        "PULSE_SINK": "vmic",
        "PULSE_SOURCE": "vmic.monitor",
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{folder}/asoundrc",
    }


@contextmanager
def _running(command: list[str], env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, **QUIET)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _wait_for_server(env: dict[str, str]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while subprocess.run(["pactl", "info"], env=env, check=False, **QUIET).returncode:
        if time.monotonic() > deadline_s:
            raise TimeoutError("the virtual microphone's PulseAudio does not answer")
        time.sleep(0.05)


def _wait_for_sound(env: dict[str, str]) -> None:
    command = ["parec", "--raw", "--latency-msec=10", "--device=vmic.monitor"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as recorder:
        assert recorder.stdout is not None
        half_a_second = RATE_HZ * CHANNELS * 2 // 2
        recorder.stdout.read(half_a_second)
        recorder.terminate()
