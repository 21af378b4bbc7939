"""Tells whoever started us, such as systemd, that we are ready, alive and stopping: sd_notify."""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping

from instrd.daemon.progress import Moving, Progress

log = logging.getLogger(__name__)
SEND_S = 0.1
"""So long may a supervisor that does not read keep us."""
A_TIMEOUT = 3
"""We say that we are alive so often within the time after which we count as dead."""


class Supervisor:
    """Speaks to the socket that the environment names, and takes it out of the environment.

    What we start ourselves must not speak for us. Without a socket nothing is said; one that
    cannot be reached costs one line of the log.
    """

    def __init__(
        self,
        environment: MutableMapping[str, str],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._alive_every_s = _watchdog_s(environment) / A_TIMEOUT if address else 0.0
        self._clock_s = clock_s
        self._progress = Progress(clock_s)
        self._due_s = 0.0
        self._still: list[str] = []
        self._unreachable = False

    def ready(self, status: str) -> None:
        """Say that all sources are being followed; the time of the watchdog begins."""
        self._send("READY=1", f"STATUS={status}")
        self._due_s = self._clock_s() + self._alive_every_s

    def turned(self, sources: Mapping[str, Moving]) -> None:
        """Say that we are alive, if that is due and every source moves; call it every turn."""
        if not self._alive_every_s:
            return
        still = self._progress.still(sources)
        if still != self._still:
            self._tell_change(still)
        if not still and self._clock_s() >= self._due_s:
            self._due_s = self._clock_s() + self._alive_every_s
            self._send("WATCHDOG=1")

    def stopping(self, reason: str) -> None:
        """Say that the orderly end has begun."""
        self._send("STOPPING=1", f"STATUS=stopping: {reason}")

    def _tell_change(self, still: list[str]) -> None:
        self._still, level, told = still, logging.WARNING, "sound is analysed again"
        if still:
            told = f"{', '.join(still)}: no sound is analysed any more, the watchdog is not told"
            level = logging.ERROR
        log.log(level, "%s", told)
        self._send(f"STATUS={told}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        message = "\n".join(" ".join(line.split()) for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_S)
                sender.sendto(message.encode(errors="replace"), self._address)
        except (OSError, ValueError) as error:
            if not self._unreachable:
                log.warning("the supervisor at %r cannot be reached: %s", self._address, error)
            self._unreachable = True
        else:
            self._unreachable = False


def _watchdog_s(environment: MutableMapping[str, str]) -> float:
    """Return after how long a silence we count as dead; 0 where nobody watches us."""
    told_us = environment.pop("WATCHDOG_USEC", "0")
    meant_for = environment.pop("WATCHDOG_PID", "") or str(os.getpid())
    try:
        timeout_s = int(told_us) / 1e6
    except ValueError:
        log.warning("WATCHDOG_USEC: got %r, allowed a number; the watchdog is not told", told_us)
        return 0.0
    return max(0.0, timeout_s) if meant_for == str(os.getpid()) else 0.0
