"""The daemon's heartbeat: alive, and where every captured sample went."""

import time
from collections.abc import Mapping

import numpy as np

from instrd.clients.protocol import Account, Heartbeat
from instrd.daemon.following import Following
from instrd.daemon.publisher import Publisher

INTERVAL_S = 1.0


class Heartbeats:
    """Says every so often what became of the samples of every source."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._began = time.monotonic()
        self._due = self._began

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._due

    def beat(self, followed: Mapping[str, Following], publisher: Publisher) -> Heartbeat:
        """Return the next heartbeat and set the time of the one after it."""
        now = time.monotonic()
        self._due = max(self._due + self._every_s, now)
        return Heartbeat(
            uptime_s=round(now - self._began, 3),
            interval_ms=round(self._every_s * 1000),
            sources={name: _account(following) for name, following in followed.items()},
            last_seq=publisher.last_seq,
            unsent=publisher.unsent,
            publisher_restarts=publisher.restarts,
        )


def _account(following: Following) -> Account:
    samples, passage = following.samples(), following.passage
    costs = list(passage.stream.costs) if passage else []
    audio_s = sum(cost.audio_s for cost in costs)
    p50, p95 = (
        np.percentile([cost.total_ms for cost in costs], [50, 95]).round(2).tolist()
        if costs
        else (None, None)
    )
    return Account(
        status=following.status,
        captured=samples.captured,
        analysed=samples.analysed,
        gated=samples.gated,
        dropped=samples.dropped,
        pending=samples.pending,
        overflows=following.capture.overflows,
        restarts=following.restarts,
        lat_p50_ms=p50,
        lat_p95_ms=p95,
        realtime_factor=round(sum(c.computing_s for c in costs) / audio_s, 5) if audio_s else None,
        drift_ppm=round(passage.epoch.clock.drift_ppm, 1) if passage else None,
    )
