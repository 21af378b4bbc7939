"""A microphone that is opened again whenever it fails, for as long as the daemon runs."""

import time
from collections.abc import Callable, Generator, Iterator
from threading import Event, Lock
from typing import Protocol, Self

import msgspec
import numpy as np

from instrd.clients.protocol import Condition, GapReason
from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.recording.child import Child
from instrd.daemon.recording.messages import Heard, Missing, Opened, Said, Wanted
from instrd.daemon.silence import LOOK_S, Silence
from instrd.daemon.sources import source
from instrd.daemon.sources.flatness import FLAT_S, Flatness
from instrd.daemon.sources.source import Block, Item, Missed, Standing
from instrd.daemon.sources.tempo import FASTEST, Tempo
from instrd.models.audiofile import LOUDEST, are_sound

STALLED_S = 0.4
"""After so long without audio that is said."""
STUCK_S = 1.3
"""A process that records and says nothing for so long is frozen, or hangs in PortAudio."""
GONE_S = 3.0
"""A device that gives nothing for so long has vanished; an idle virtual one sleeps up to 2 s."""
OPENING_S = 5.0
"""A process may take so long to start, and PortAudio to open a device."""
PATIENCE = (1, 1, 1, 2, 4, 8)
"""After so many failures in a row the two above are so many times as long: on a machine that is
too busy nothing would ever start otherwise."""
PAUSES_S = (0.0, 0.0, 0.25, 0.5, 1.0, 2.0)
"""Before a start after so many failures in a row."""
STEADY_S = 2.0
"""What brings audio for so long ends a row of failures."""
RECOVERED_S = 2.0
"""So much audio after a stall what was lost in it has been told."""
SAMPLE_BYTES = 4


class Recording(Protocol):
    """What a `Child` is to us."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(self, *error: object) -> None:
        """End it, frozen or not."""

    def receive(self, timeout_s: float) -> Said | None:
        """Return what it says next, or None after `timeout_s`; DeviceError when it has ended."""

    def kill(self) -> None:
        """End it without a chance to close the device."""


class Microphone:
    """Yields what a process of its own records; one thread reads, any other may close.

    The process alone touches PortAudio, so it can be killed when that hangs. Each time it is
    started it looks for the device itself, by what does not change of it.
    """

    def __init__(
        self,
        wanted: Wanted,
        start: Callable[[Wanted], Recording] = Child,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.description = f'microphone "{wanted.name}"' if wanted.name else "default microphone"
        self._wanted, self._start, self._now_ns = wanted, start, now_ns
        self._closed, self._reading = Event(), Lock()
        self._failures = 0
        self._standing: Standing | None = None
        self._epoch: _Epoch | None = None
        self._wrong: SourceError | None = None
        self._looks = self._all_looks()
        self._kept: list[Item] = []

    def first_answer(self, enough: Callable[[], bool] = lambda: False) -> SourceError | None:
        """Wait until it is open, or return why it is not: a DeviceError where it may be later.

        Waits no longer once there is `enough` of it: asked at every look, ten times a second.
        """
        with self._reading:
            for item in self._looks:
                if item is not None:
                    self._kept.append(item)
                if item is not None or enough():
                    break
        return self._wrong

    def read(self) -> Item | None:
        with self._reading:
            if self._kept:
                return self._kept.pop(0)
            return next((item for item in self._looks if item is not None), None)

    def close(self) -> None:
        self._closed.set()
        # Whoever reads now ends the process, within a look.
        if self._reading.acquire(blocking=False):
            try:
                self._looks.close()
            finally:
                self._reading.release()

    def _all_looks(self) -> Generator[Item | None, None, None]:
        """Yield all items, and None for a look that brought no news."""
        while not self._closed.wait(PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]):
            try:
                with self._start(self._wanted) as child:
                    yield from self._items_of(child)
            except DeviceError as error:
                self._failures += 1
                yield from self._fail(error)
        if self._standing is not None and self._standing.status not in ("running", "flat"):
            yield from self._missed_until(self._now_ns())

    def _items_of(self, child: Recording) -> Iterator[Item | None]:
        """Yield what one process brings. Raises DeviceError once it is of no more use."""
        silence, epoch = Silence(self._now_ns), None
        patience = PATIENCE[min(self._failures, len(PATIENCE) - 1)]
        while not self._closed.is_set():
            said = child.receive(LOOK_S)
            silence.note(word=said is not None, audio=isinstance(said, Opened | Heard))
            match said:
                case Missing():
                    self._wrong = (SourceError if said.lasting else DeviceError)(said.reason)
                    yield from self._stand("waiting", said.reason)
                case Opened():
                    epoch = _Epoch(said)
                case Heard() if epoch is not None:
                    if epoch is not self._epoch:
                        yield from self._begin(epoch, said)
                    yield from self._hear(epoch, said)
                case _ if silence.words_s > patience * (STUCK_S if epoch else OPENING_S):
                    child.kill()
                    raise DeviceError(f"no word from PortAudio for {silence.words_s:.1f} s")
                case _ if epoch is not None:
                    yield from self._bear(epoch, silence)
                case _:
                    yield None

    def _begin(self, epoch: "_Epoch", first: Heard) -> Iterator[Item]:
        opened, count = epoch.opened, len(first.samples) // SAMPLE_BYTES
        began_ns = first.t_end_ns - count * 1_000_000_000 // opened.rate_hz
        yield from self._missed_until(began_ns)
        self._epoch, self._wrong = epoch, None
        epoch.began_ns, epoch.end_ns = self._now_ns(), began_ns
        self._wanted = msgspec.structs.replace(self._wanted, known=opened.identity)
        self.description = f'microphone "{opened.name}"'
        yield source.Opened(opened.rate_hz, self.description)

    def _hear(self, epoch: "_Epoch", heard: Heard) -> Iterator[Item]:
        samples = np.frombuffer(heard.samples, np.float32)
        now_ns = self._now_ns()
        # By when it was captured: we may read at once what has waited for us.
        if epoch.tempo.too_fast(heard.t_end_ns / 1e9, len(samples)):
            raise DeviceError(f"gives audio more than {FASTEST:g} times as fast as time goes by")
        if not are_sound(samples):
            raise DeviceError(f"gives samples that are not finite numbers up to {LOUDEST:g}")
        epoch.end_ns = heard.t_end_ns
        epoch.heard += len(samples)
        if epoch.is_steady(now_ns):
            self._failures = 0
        if epoch.flatness.feed(samples):
            yield from self._stand("flat", f"nothing but zeros for {FLAT_S:g} s")
        else:
            yield from self._stand("running")
        reason = _why_lost(heard, stalled=epoch.stalled)
        yield Block(samples, heard.lost + heard.unread, heard.t_end_ns, reason)
        epoch.recovered += len(samples)
        if heard.lost or epoch.recovered > RECOVERED_S * epoch.opened.rate_hz:
            epoch.stalled = False

    def _bear(self, epoch: "_Epoch", silence: Silence) -> Iterator[Item | None]:
        """Say that an open device brings nothing; lose patience with it."""
        if silence.audio_s > GONE_S:
            raise DeviceError(f"gave no audio for {GONE_S:g} s")
        if silence.audio_s > STALLED_S and epoch is self._epoch:
            epoch.stalled, epoch.recovered = True, 0
            yield from self._stand("stalled", f"no audio for {STALLED_S:g} s")
        yield None

    def _fail(self, error: DeviceError) -> Iterator[Item]:
        self._wrong = self._wrong or error
        status = self._standing.status if self._standing else "waiting"
        was_open = status in ("running", "flat", "stalled")
        yield from self._stand("restarting" if was_open else "waiting", str(error))

    def _missed_until(self, now_ns: int) -> Iterator[Item]:
        """Say what the last epoch would have brought since it ended."""
        if self._epoch is None:
            return
        missed_ns = now_ns - self._epoch.end_ns
        count = round(missed_ns * self._epoch.opened.rate_hz / 1e9)
        if count > 0:
            yield Missed(count, "stalled" if self._epoch.stalled else "restarted")

    def _stand(self, status: Condition, detail: str = "") -> Iterator[Item]:
        now = Standing(status, detail)
        if now != self._standing:
            self._standing = now
            yield now


class _Epoch:
    """What is remembered from one opening to the next."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.tempo, self.flatness = Tempo(opened.rate_hz), Flatness(opened.rate_hz)
        self.began_ns = self.end_ns = self.heard = 0
        """When it began and its last sample was captured, monotonic; how many came."""
        self.stalled, self.recovered = False, 0
        """Whether nothing came for long, and the samples that have come since then."""

    def is_steady(self, now_ns: int) -> bool:
        """Whether it has gone well for long, by its sound and by the clock."""
        lasted_s = min(self.heard / self.opened.rate_hz, (now_ns - self.began_ns) / 1e9)
        return lasted_s > STEADY_S


def _why_lost(heard: Heard, *, stalled: bool) -> GapReason:
    if heard.unread:
        return "overrun"
    return "stalled" if stalled else "overflow"
