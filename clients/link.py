"""How the connection to the daemon fares; the messages themselves cannot say."""

from dataclasses import dataclass

from instrd.clients.books import DEAD_AFTER_S
from instrd.clients.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class Link:
    """A subscriber's connection at one moment."""

    endpoint: str
    heartbeat_age_s: float | None = None  # None before the first
    silent_s: float = 0.0  # since the last heartbeat, or since the beginning
    alive: bool = False  # a heartbeat was received lately
    ended: bool = False
    lost: int = 0  # messages
    trouble: str = ""  # why it does not come about, if that is known

    @property
    def awaited(self) -> bool:
        """Whether the first heartbeat may still come; until then nothing is wrong."""
        return self.heartbeat_age_s is None and self.silent_s < DEAD_AFTER_S and not self.ended


def link_of(subscriber: Subscriber) -> Link:
    return Link(
        endpoint=", ".join(subscriber.endpoints),
        heartbeat_age_s=subscriber.heartbeat_age_s,
        silent_s=subscriber.silent_s,
        alive=subscriber.alive,
        ended=subscriber.ended,
        lost=subscriber.lost.total(),
        trouble=subscriber.trouble,
    )
