"""Messages as lines of text: for people, or one JSON object each."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from instrd.clients.books import DEAD_AFTER_S
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

DEAD: Final = f"no heartbeat for {DEAD_AFTER_S:.0f} s: instrd is dead, stuck or out of reach"
SURPLUS: Final = "more runs or topics than can be followed: some messages are passed over"
NARROWEST_NAMES: Final = 14  # columns of the ids, however short they are
UNREADABLE: Final = "some messages cannot be read: is instrd newer than this program?"


class Telling:
    """Puts into words what is worth a line: what begins, ends, fails or changes."""

    def __init__(self) -> None:
        self._model: dict[str, str] = {}
        """What was said last of the model, of the run that spoke of it last."""
        self._width = NARROWEST_NAMES

    def line(self, message: AnyMessage) -> str | None:
        if isinstance(message, Hello):
            self._width = max((self._width, *map(len, message.sources)))
        text = _text(message)
        if isinstance(message, Model):
            # it comes also where only the mask or a threshold has changed
            if self._model.get(message.run) == text:
                return None
            self._model = {message.run: str(text)}
        if text is None:
            return None
        where = "instrd" if isinstance(message, Hello | Model | Heartbeat | Bye) else message.source
        return self._line(_when_us(message), where, text)

    def fault(self, text: str) -> str:
        return self._line(time.time_ns() // 1000, "instrd", text)

    def _line(self, when_us: int, where: str, text: str) -> str:
        return printable(f"{_clock(when_us)}  {where:<{self._width}}  {text}")


def lines(subscriber: Subscriber, *, stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """Yield lines for people until the publisher says bye or `stop` says so."""
    telling = Telling()
    for message, faults in _followed(subscriber, stop):
        yield from map(telling.fault, faults)
        if message is not None and (line := telling.line(message)):
            yield line


def json_lines(
    subscriber: Subscriber,
    warn: Callable[[str], None],
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Yield every message as it came, one a line; what goes wrong is a line for `warn`."""
    telling = Telling()
    for message, faults in _followed(subscriber, stop):
        for fault in faults:
            warn(telling.fault(fault))
        if message is not None:
            yield subscriber.payload.decode(errors="replace").replace("\n", " ")


def _followed(
    subscriber: Subscriber, stop: Callable[[], bool]
) -> Iterator[tuple[AnyMessage | None, list[str]]]:
    """Yield what comes, with what has begun to go wrong, or is well again."""
    told: set[str] = set()  # faults since all was well
    silent_s = 0.0
    while not (subscriber.ended or stop()):
        message = subscriber.receive(WAKE_S)
        alive = subscriber.alive
        faults = [f"heartbeat again after {silent_s:.0f} s"] if alive and DEAD in told else []
        now = _faults_of(subscriber, idle=message is None)
        faults += [fault for fault in now if fault not in told]
        told = {*now} if alive else told | {*now}
        silent_s = subscriber.silent_s
        yield message, faults


def _faults_of(subscriber: Subscriber, *, idle: bool) -> list[str]:
    """Say why nothing comes and what is left out; nothing while all is well or not known yet."""
    faults = [SURPLUS] if subscriber.surplus else []
    if subscriber.invalid:
        faults.append(UNREADABLE)
    if subscriber.trouble:
        faults.append(subscriber.trouble)
    # before all that waited is read, the newest heartbeat is not known
    elif idle and not subscriber.ended and subscriber.silent_s >= DEAD_AFTER_S:
        where = ", ".join(subscriber.endpoints)
        unheard = f"nothing heard from {where} yet: is instrd running, is the address right?"
        faults.append(unheard if subscriber.heartbeat_age_s is None else DEAD)
    return faults


def _text(message: AnyMessage) -> str | None:
    text = None
    match message:
        case Event(event="on"):
            text = f"{message.label:<12}  on   p_peak {message.p_peak:.2f}"
        case Event(event="off", t_off_us=int(t_off_us)):
            length_s = (t_off_us - message.t_on_us) / 1e6
            text = f"{message.label:<12}  off  p_mean {message.p_mean:.2f}  after {length_s:.1f} s"
            text += f" ({message.end_reason})"
        case State(retained=True, active=(_, *_) as active):
            text = f"sounding: {', '.join(map(_since, active))}"
        case Gap(reason="paused"):
            text = f"paused for {message.count / message.rate_hz:.1f} s"
        case Gap():
            text = f"{message.count / message.rate_hz:.3f} s lost ({message.reason})"
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
