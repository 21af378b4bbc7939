"""Messages as lines of text: for people, or one JSON object each."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from instrd.clients.books import DEAD_AFTER_S
from instrd.clients.codec import encode
from instrd.clients.printable import printable
from instrd.clients.protocol import (
    Active,
    AnyMessage,
    Bye,
    Event,
    Gap,
    Heartbeat,
    Hello,
    Model,
    State,
    Status,
)
from instrd.clients.subscriber import WAKE_S, Subscriber


def lines(
    subscriber: Subscriber, *, as_json: bool = False, stop: Callable[[], bool] = lambda: False
) -> Iterator[str]:
    """Yield a line per message worth one until the publisher says bye or `stop` says so.

    As JSON that is every message; else what begins, ends, fails or falls silent.
    """
    told: set[str] = set()  # faults since all was well
    while not (subscriber.ended or stop()):
        message = subscriber.receive(WAKE_S)
        if message is not None:
            line = encode(message).decode() if as_json else line_of(message)
            if line is not None:
                yield line
        fault = "" if as_json else _fault_of(subscriber, idle=message is None)
        if fault and fault not in told:
            yield fault
        told = {fault} if subscriber.alive else told | {fault}


def _fault_of(subscriber: Subscriber, *, idle: bool) -> str:
    """Say why nothing comes, or nothing while all is well or not known yet."""
    if subscriber.trouble:
        return subscriber.trouble
    # before all that waited is read, the newest heartbeat is not known
    if subscriber.ended or not idle or subscriber.silent_s < DEAD_AFTER_S:
        return ""
    if subscriber.heartbeat_age_s is not None:
        return f"no heartbeat for {DEAD_AFTER_S:.0f} s: instrd is dead, stuck or out of reach"
    where = ", ".join(subscriber.endpoints)
    return f"nothing heard from {where} yet: is instrd running, is the address right?"


def line_of(message: AnyMessage) -> str | None:
    text = _text(message)
    if text is None:
        return None
    where = "instrd" if isinstance(message, Hello | Model | Heartbeat | Bye) else message.source
    return printable(f"{_clock(_when_us(message))}  {where:<14}  {text}")


def _text(message: AnyMessage) -> str | None:
    text = None
    match message:
        case Event(event="on"):
            text = f"{message.label:<12}  on   p {message.p_peak:.2f}"
        case Event(event="off", t_off_us=int(t_off_us)):
            length_s = (t_off_us - message.t_on_us) / 1e6
            text = f"{message.label:<12}  off  p {message.p_mean:.2f}  after {length_s:.1f} s"
            text += f" ({message.end_reason})"
        case State(retained=True, active=(_, *_) as active):
            text = f"sounding: {', '.join(map(_since, active))}"
        case Gap():
            text = f"{message.count} samples lost ({message.reason})"
        case Status():
            text = "  ".join(filter(None, (message.status, message.description, message.detail)))
        case Hello():
            text = f"version {message.version}, sources {', '.join(message.sources)}"
        case Model():
            text = f"model {message.name} on {message.device}: {', '.join(message.labels)}"
        case Bye():
            text = f"bye: {message.reason}"
    return text


def _when_us(message: AnyMessage) -> int:
    match message:
        case Event(t_off_us=int(t_off_us)):
            return t_off_us
        case Event():
            return message.t_on_us
        case _:
            return message.t_pub_us


def _since(active: Active) -> str:
    return f"{active.label} since {_moment(active.t_on_us):%H:%M:%S}"


def _clock(t_us: int) -> str:
    moment = _moment(t_us)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def _moment(t_us: int) -> datetime:
    return datetime.fromtimestamp(t_us / 1e6, UTC).astimezone()
