"""How the connection to the daemon fares; the messages themselves cannot say."""

from dataclasses import dataclass

from instrd.clients.books import DEAD_AFTER_S
from instrd.clients.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class Link:
    """A subscriber's connection at one moment."""

    endpoint: str
    heartbeat_age_s: float | None = None  # None before the first
    ended: bool = False
    lost: int = 0  # messages
    trouble: str = ""  # why it does not come about, if that is known

    @property
    def alive(self) -> bool:
        age_s = self.heartbeat_age_s
        return age_s is not None and age_s < DEAD_AFTER_S and not self.ended


def link_of(subscriber: Subscriber) -> Link:
    return Link(
        endpoint=", ".join(subscriber.endpoints),
        heartbeat_age_s=subscriber.heartbeat_age_s,
        ended=subscriber.ended,
        lost=subscriber.lost.total(),
        trouble=subscriber.trouble,
    )
