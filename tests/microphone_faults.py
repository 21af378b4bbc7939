"""What can happen to a virtual microphone, and to the process that records it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from virtual_microphone import CHANNELS, QUIET, RATE_HZ, VirtualMicrophone, ticking

NOISE = "/dev/urandom"
"""Heard while nothing else plays: silence would be flat."""
RECORDER = b"instrd.daemon.recording"
NULL_SINK = ["module-null-sink", "sink_name=vmic", f"rate={RATE_HZ}", f"channels={CHANNELS}"]


class Faults:
    """Strikes a microphone and the daemon that hears it; each fault lasts for its context."""

    def __init__(self, microphone: VirtualMicrophone, daemon_pid: int) -> None:
        self._microphone, self._daemon_pid = microphone, daemon_pid
        self._playing = ExitStack()
        self._play()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._playing.close()

    def strike(self, name: str) -> AbstractContextManager[None]:
        """Let the fault of that name happen, one of `FAULTS`."""
        happening: AbstractContextManager[None] = getattr(self, name)()
        return happening

    @contextmanager
    def kill(self) -> Iterator[None]:
        """End the recording process."""
        self._signal(signal.SIGKILL)
        yield

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """Stop the recording process; it goes on afterwards, unless it has been replaced."""
        frozen = self._signal(signal.SIGSTOP)
        yield
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def freeze_for_good(self) -> Iterator[None]:
        """Stop the recording process for ever."""
        self._signal(signal.SIGSTOP)
        yield

    @contextmanager
    def freeze_server(self) -> Iterator[None]:
        """Stop the sound server."""
        self._microphone.server.send_signal(signal.SIGSTOP)
        yield
        self._microphone.server.send_signal(signal.SIGCONT)

    @contextmanager
    def unload(self) -> Iterator[None]:
        """Take the microphone away."""
        self._playing.close()
        self._pactl("unload-module", "module-null-sink")
        yield
        self._pactl("load-module", *NULL_SINK)
        self._play()

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """Send the microphone to sleep, as a sound server does."""
        self._pactl("suspend-sink", "vmic", "1")
        yield
        self._pactl("suspend-sink", "vmic", "0")

    def recorders(self) -> list[int]:
        """Return the processes that record for the daemon."""
        listed = Path(f"/proc/{self._daemon_pid}/task").glob("*/children")
        children = [pid for one in listed for pid in one.read_text().split()]
        return [
            int(pid) for pid in children if RECORDER in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def _play(self) -> None:
        self._playing.enter_context(ticking(self._microphone.env, NOISE))

    def _signal(self, number: signal.Signals) -> list[int]:
        deadline_s = time.monotonic() + 5.0
        while not (found := self.recorders()) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        for pid in found:
            os.kill(pid, number)
        return found

    def _pactl(self, *arguments: str) -> None:
        command = ["pactl", *arguments]
        subprocess.run(command, env=self._microphone.env, check=True, timeout=10.0, **QUIET)


AT_ONCE = ("kill", "freeze_for_good")
"""These are over as soon as they have happened."""
FAULTS = ("kill", "freeze", "freeze_for_good", "freeze_server", "unload", "suspend")
