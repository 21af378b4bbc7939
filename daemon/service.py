"""The main loop: hops in, messages out, until somebody wishes it to stop."""

import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version

from instrd.clients import protocol
from instrd.clients.control import Request
from instrd.clients.protocol import AnyMessage, EndReason, State
from instrd.daemon.accounts import INTERVAL_S, Heartbeats
from instrd.daemon.capture import Capture, Epoch
from instrd.daemon.config import Config
from instrd.daemon.control import Commands, ControlSocket, carry_out
from instrd.daemon.exit_codes import ExitCode
from instrd.daemon.following import Following
from instrd.daemon.hearing import Hearing
from instrd.daemon.passage import Passage
from instrd.daemon.publisher import Publisher
from instrd.daemon.report import Place
from instrd.daemon.ring import Hop, HopRing
from instrd.daemon.sampleclock import wall_us
from instrd.daemon.signals import ReloadWish, StopWish
from instrd.daemon.sources import AT_ONCE_S, Feed
from instrd.daemon.stream import Stream, advance, hop_samples
from instrd.daemon.supervisor import Supervisor
from instrd.models.errors import BundleError

log = logging.getLogger(__name__)
TICK_S = 0.1
"""So long may a command wait while no sound comes in."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A source, and how it is to be followed."""

    source: Feed
    lossless: bool
    """Wait for the analysis rather than lose samples: files and pipes at the fast pace."""
    may_wait: bool = False
    """Whoever sends may take any time: pipes."""
    is_demo: bool = False
    """The bundled recording, whose contents are known."""


class Service:
    """Follows sources with one model; everything but capture happens on the caller's thread."""

    def __init__(
        self,
        hearing: Hearing,
        publisher: Publisher,
        control: ControlSocket | None,
        watch: Callable[[AnyMessage], None],
        wish: StopWish,
        *,
        supervisor: Supervisor | None = None,
        beat_every_s: float = INTERVAL_S,
    ) -> None:
        self.hearing = hearing
        self.publisher = publisher
        self.followed: dict[str, Following] = {}
        self.states: dict[str, State] = {}
        self._control = control
        self._watch = watch
        self._supervisor = supervisor or Supervisor({})
        self._awake = threading.Event()
        self._beat_every_s = beat_every_s
        self._failure = ""
        self.wish = wish

    def run(
        self,
        sources: Mapping[str, Chosen],
        commands: Commands,
        reload_wish: ReloadWish | None = None,
    ) -> int:
        """Follow the sources until all end or the wish comes; return the exit code.

        Whatever ends it, every open event gets its `off`, and `bye` says why.
        """
        heartbeats = Heartbeats(self._beat_every_s)
        try:
            with ExitStack() as captures:
                self._introduce(list(sources))
                for name, chosen in sources.items():
                    self._follow(name, chosen, captures)
                captures.callback(self._close_all)
                self._supervisor.ready(f"following {', '.join(sources)}")
                while not self.wish and not self._all_ended():
                    moved, answered = self._take_hops(), self._answer(commands)
                    if not (moved or answered):
                        self._awake.wait(TICK_S)
                        self._awake.clear()
                    if reload_wish is not None and reload_wish.take():
                        carry_out(Request(cmd="reload"), commands)  # which logs what is wrong
                    self.publisher.tend()
                    if heartbeats.due:
                        self._beat(heartbeats)
                        self.wish.look()
                    self._supervisor.turned(self.followed)
                self._supervisor.stopping(self._why_it_ends)
            while self._take_hops():
                pass  # what was captured before the end is judged, or passed over in a pause
        except BundleError as error:
            # What a net makes of every sound cannot be tried out before.
            self._failure = str(error)
            self._supervisor.stopping(self._failure)
        except Exception as error:
            self._failure = f"internal error: {error}"
            self._supervisor.stopping(self._failure)
            self._say_goodbye(heartbeats)
            raise
        return self._say_goodbye(heartbeats)

    def tell(self, messages: Iterable[AnyMessage]) -> None:
        """Publish messages, in order."""
        for message in messages:
            sent = self.publisher.publish(message)
            if isinstance(sent, State):
                self.states[sent.source] = sent
            self._watch(sent)

    def change(self, config: Config) -> Iterator[AnyMessage]:
        """Go on with other thresholds, mask or model between two hops; yield what to tell.

        Hops that come in while a model is loaded are judged by it, or by the old one where it is
        refused: all that the ring holds; of a longer load the oldest are lost as `overrun`.
        """
        passages = [one.passage for one in self.followed.values() if one.passage]
        try:
            yield from self.hearing.change(config, [passage.stream for passage in passages])
        finally:
            for following in self.followed.values():
                following.excuse()
        yield self.hearing.model_message()

    def _introduce(self, names: list[str]) -> None:
        hello = protocol.Hello(
            version=version("instrd"),
            t_start_us=wall_us(),
            sources=tuple(names),
            endpoints=self.publisher.endpoints,
            control=None if self._control is None else self._control.endpoint,
            interval_ms=round(self._beat_every_s * 1000),
        )
        self.tell([hello, self.hearing.model_message()])

    def _follow(self, name: str, chosen: Chosen, captures: ExitStack) -> None:
        analysis = self.hearing.config.analysis
        max_late_hops = max(analysis.max_late_hops, math.ceil(AT_ONCE_S / analysis.hop_s))

        def ring_for(rate_hz: int) -> HopRing:
            hop = hop_samples(self.hearing.config, rate_hz)
            return HopRing(max(2, round(analysis.ring_s / analysis.hop_s)), hop, self._awake.set)

        def passage_of(epoch: Epoch) -> Passage:
            hearing = self.hearing
            place = Place(name, epoch.rate_hz, epoch.number, epoch.clock)
            stream = Stream(place, hearing.config, hearing.classifier, hearing.numbers)
            return Passage(epoch, stream, None if chosen.lossless else max_late_hops)

        capture = Capture(name, chosen.source, ring_for, self._awake.set, lossless=chosen.lossless)
        self.followed[name] = Following(
            captures.enter_context(capture), passage_of, may_wait=chosen.may_wait
        )

    def _close_all(self) -> None:
        """Ask all captures to end before any is waited for."""
        for following in self.followed.values():
            following.capture.close()

    def _take_hops(self) -> bool:
        """Analyse the next hop of every source that has one, all in one batch; tell the news.

        Returns whether there was anything, be it only a hop that a pause passes over.
        """
        turns, moved = [], False
        for following in self.followed.values():
            position = following.position
            for piece in following.take():
                moved = True
                if isinstance(piece, Hop):
                    assert following.passage is not None, "a hop comes through a passage"
                    turns.append((following.passage.stream, piece))
                else:
                    self.tell([piece])
            moved |= following.position != position
        if turns:
            self.tell(advance(self.hearing.classifier, turns))
        return moved

    def _answer(self, commands: Commands) -> bool:
        """Answer a request and return whether one had come.

        One a turn, none before what waited for the last one is worked off: whoever asks for
        another model again and again stops neither the heartbeat nor the analysis.
        """
        if self._control is None or any(one.is_excused for one in self.followed.values()):
            return False
        return self._control.answer(commands)

    def _all_ended(self) -> bool:
        """Notice sources that ended; a failed one ends the daemon."""
        for name, following in self.followed.items():
            if not following.ended and following.is_over:
                self._end(name, "source_lost")
        return all(following.ended for following in self.followed.values())

    def _end(self, name: str, reason: EndReason) -> None:
        following = self.followed[name]
        self.tell(following.finish(reason))
        error = following.capture.error
        if error is not None:
            self._failure = f"source {name} failed: {error}"
            self.wish.ask(self._failure)

    def _beat(self, heartbeats: Heartbeats) -> None:
        for following in self.followed.values():
            self.tell(following.check_rate())
            self.tell(following.remind())
        self.tell([heartbeats.beat(self.followed, self.publisher)])

    def _say_goodbye(self, heartbeats: Heartbeats) -> int:
        for name, following in self.followed.items():
            if not following.ended:
                self._end(name, "shutdown")
        self._beat(heartbeats)
        exit_code = ExitCode.FAILED if self._failure else ExitCode.DONE
        self.tell([protocol.Bye(reason=self._why_it_ends, exit_code=exit_code)])
        if self._failure:
            log.error("%s", self._failure)
        return exit_code

    @property
    def _why_it_ends(self) -> str:
        return self._failure or self.wish.reason or "all sources ended"
