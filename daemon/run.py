"""`instrd run`: start in order, serve, stop in reverse."""

import itertools
import logging
import os
import platform
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from threadpoolctl import threadpool_limits

from instrd.clients.control import default_endpoint
from instrd.clients.dashboard import can_draw_on, watch
from instrd.clients.keyboard import Keyboard
from instrd.clients.protocol import AnyMessage
from instrd.clients.subscriber import Subscriber
from instrd.clients.tail import Telling
from instrd.daemon.commands import ReadAgain, commands_of
from instrd.daemon.config import Config, SourceChoice, refuse_contradictions
from instrd.daemon.control import ControlSocket
from instrd.daemon.demo import demo_path, playing_s
from instrd.daemon.heap import share_heap
from instrd.daemon.hearing import hearing_for_run
from instrd.daemon.printing import printing, settle
from instrd.daemon.publisher import Publisher, random_run
from instrd.daemon.recording.messages import Wanted
from instrd.daemon.security import read_security
from instrd.daemon.service import Chosen, Service
from instrd.daemon.signals import ReloadWish, StopWish, obey_signals
from instrd.daemon.sources import Microphone, Unbroken, open_feed, open_source, scheme_of
from instrd.daemon.supervisor import Supervisor
from instrd.daemon.tally import Tally
from instrd.daemon.withholding import withheld

log = logging.getLogger(__name__)
DASHBOARD_STOP_S = 2.0
DEMO = "bundled recording, as no microphone can be opened"


def run(config: Config, *, read_again: ReadAgain, dashboard: bool | None, console: Console) -> int:
    """Follow the sources of the config until they end or a signal comes; return the exit code.

    The dashboard is drawn where it can be if it is neither wanted nor unwanted.
    """
    refuse_contradictions(config)
    dashboard = can_draw_on(console) if dashboard is None else dashboard
    share_heap()
    tally, wish, run_name = Tally(), StopWish(), random_run()
    reload_wish = ReloadWish() if read_again else None
    # From the first moment on: a source may take long to open.
    with obey_signals(wish, reload_wish), printing(wish):
        with ExitStack() as opened:
            supervisor = Supervisor(os.environ)
            # A hop's matrices are small: threads wait for each other longer than they multiply.
            opened.enter_context(threadpool_limits(1, user_api="blas"))
            hearing = hearing_for_run(config, run_name)
            publisher = opened.enter_context(_publisher(config, run_name))
            control = _open_control(config, opened)
            sources = _open_sources(config, opened, console, wish)
            if dashboard and not publisher.plain_endpoints:
                log.warning(
                    "no dashboard without a plain endpoint: publish on tcp://127.0.0.1:PORT too"
                )
                dashboard = False

            telling = Telling()

            def say(message: AnyMessage) -> None:
                tally.take(message)
                if not dashboard and (text := telling.line(message)):
                    print(text, flush=True)

            if dashboard:
                opened.enter_context(_drawing(publisher.plain_endpoints[0], console, wish))
            service = Service(hearing, publisher, control, say, wish, supervisor=supervisor)
            exit_code = service.run(sources, commands_of(service, read_again), reload_wish)
            if exit_code:
                wish.ask("failed")  # so no reader is waited for
        demo = next((name for name, chosen in sources.items() if chosen.is_demo), None)
        if (demo or dashboard) and wish.reason != signal.SIGHUP.name:  # its terminal is gone
            tally.show(console, playing_s(tally.heard_s[demo]) if demo else None)
    return exit_code


def _open_sources(
    config: Config, opened: ExitStack, console: Console, wish: StopWish
) -> dict[str, Chosen]:
    """Open all sources; a name that is made from a uri is none that another one was given."""
    given = {choice.id for choice in config.source}
    sources: dict[str, Chosen] = {}
    for choice in config.source:
        name, chosen = _open_chosen(choice, given | sources.keys(), console, wish)
        opened.callback(chosen.source.close)
        sources[name] = chosen
    return sources


def _open_chosen(
    choice: SourceChoice, taken: set[str], console: Console, wish: StopWish
) -> tuple[str, Chosen]:
    if choice.uri == "auto":
        return _open_auto(choice, taken, console, wish)
    name = choice.id or _name_of(choice.uri, taken)
    scheme = scheme_of(choice.uri)
    source = open_feed(choice.uri, pace=choice.pace, loop=choice.loop, enough=wish.__bool__)
    lossless = choice.pace == "fast" and scheme != "mic"
    return name, Chosen(source, lossless, may_wait=scheme == "stdin")


def _open_auto(
    choice: SourceChoice, taken: set[str], console: Console, wish: StopWish
) -> tuple[str, Chosen]:
    """Open the default microphone, else the bundled recording, and say which."""
    microphone = Microphone(Wanted())
    wrong = microphone.first_answer(wish.__bool__)
    if wrong is None:
        return choice.id or _name_of("mic:", taken), Chosen(microphone, lossless=False)
    microphone.close()
    uri = f"file:{demo_path()}"
    recording = open_source(uri, pace=choice.pace, loop=choice.loop)
    console.print(str(wrong), markup=False, highlight=False, soft_wrap=True)
    console.print("Playing the bundled recording instead.")
    chosen = Chosen(Unbroken(recording, DEMO), lossless=choice.pace == "fast", is_demo=True)
    return choice.id or _name_of(uri, taken), chosen


def _name_of(uri: str, taken: set[str]) -> str:
    """Make an id from a uri: `mic:`, `file:/music/Piano 1.wav` -> mic, piano-1."""
    name = uri.partition("?")[0]
    scheme, _, rest = name.rpartition(":")
    stem = Path(rest).stem or scheme
    base = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-")[:28] or "source"
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([base], numbered) if name not in taken)


def _publisher(config: Config, run_name: str) -> Publisher:
    return Publisher(
        config.daemon.publish,
        node=config.daemon.node or platform.node() or "instrd",
        run=run_name,
        security=read_security(config.security),
    )


def _open_control(config: Config, opened: ExitStack) -> ControlSocket | None:
    if config.daemon.control == "none":
        return None
    return opened.enter_context(ControlSocket(config.daemon.control or default_endpoint()))


@contextmanager
def _drawing(endpoint: str, console: Console, wish: StopWish) -> Iterator[None]:
    """Draw the dashboard from a thread that is a subscriber like any other; q is a wish to stop."""
    stop = threading.Event()
    covered = can_draw_on(console) and sys.stderr is not None and sys.stderr.isatty()
    keyboard = Keyboard(lambda: wish.ask("q was typed"), settle)

    def draw() -> None:
        try:
            with Subscriber(endpoint) as subscriber, withheld(covered=covered) as kept:
                watch(subscriber, console, stop.is_set, kept.newest, keyboard)
        except Exception:
            # A picture is not worth the daemon, but its end must not go unnoticed.
            log.exception("the dashboard broke; instrd goes on without it")

    thread = threading.Thread(target=draw, name="dashboard", daemon=True)
    with keyboard:  # here, too, as the terminal outlives us even where the thread hangs
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(DASHBOARD_STOP_S)
