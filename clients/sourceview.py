"""What there is to say of one source now, before it is drawn."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from instrd.clients.link import Link
from instrd.clients.picture import MOST_SOUNDINGS, Picture, SourcePicture
from instrd.clients.printable import printable
from instrd.clients.protocol import PAUSED, Active, Frame, Level, Reason

LISTENING: Final = ("running", "flat")
STALE_US: Final = 1_500_000  # a frame older than this no longer says what sounds
LATELY: Final = 0.5  # what sounded in the last 20 s is worth a row as if it had this p
STEADY: Final = 0.1  # a row is given up only for a label likelier by this
WHY: Final[dict[Reason, str]] = {
    "masked": "(masked)",
    "warming_up": "(warming up)",
    "low_margin": "(no clear best)",
    "clipped": "(clipped)",
}


@dataclass(frozen=True, slots=True)
class Word:
    """What is heard, or why nothing is; how sure and since when, or why that."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class SourceView:
    """One source at one moment; in its picture it keeps which labels have a row."""

    picture: Picture
    source: SourcePicture
    link: Link

    @cached_property
    def labels(self) -> tuple[str, ...]:
        if self.picture.model is not None:
            return self.picture.model.labels
        return () if self.source.frame is None else self.source.frame.labels

    @property
    def now_us(self) -> int:
        return self.source.now_us(self.picture.now_us)

    @cached_property
    def condition(self) -> str:
        """How the source fares, in a word; a paused one runs and nobody listens."""
        status = self.source.status
        if status is None:
            return "running"
        return PAUSED if status.detail == PAUSED else status.status

    @property
    def detail(self) -> str:
        """What the daemon adds about its condition, made harmless."""
        if self.source.status is None or not self.link.alive or self.condition == PAUSED:
            return ""
        return printable(self.source.status.detail)

    @cached_property
    def heard(self) -> bool:
        return self.link.alive and self.condition in LISTENING

    @cached_property
    def frame(self) -> Frame | None:
        """The newest frame, if it says what sounds now."""
        frame = self.source.frame
        if frame is None or frame.t_pub_us < self.picture.now_us - STALE_US or not self.heard:
            return None
        return frame

    @property
    def level(self) -> Level | None:
        return self.source.level if self.heard else None

    @property
    def gate(self) -> str:
        return self.source.state.gate if self.heard and self.source.state else ""

    @cached_property
    def active(self) -> list[Active]:
        """What sounds, in the order of its onsets: no word overtakes another that sounds on."""
        if self.source.state is None or not self.heard:
            return []
        sounds = self.source.state.active[:MOST_SOUNDINGS]
        return sorted(sounds, key=lambda one: one.t_on_us)

    @cached_property
    def sounding(self) -> frozenset[str]:
        return frozenset(one.label for one in self.active)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """What to show first: when nobody listens that is the news, not the last label."""
        if self.link.awaited:
            return (Word("waiting"),)
        if not self.link.alive:
            return (Word("ended" if self.link.ended else "no signal"),)
        if not self.heard:
            return (Word(self.condition),)
        if self.active:
            return tuple(map(self._word, self.active))
        decision = self.source.state.decision if self.source.state else ""
        reason = self.frame.reason if self.frame and self.frame.decision == decision else "ok"
        return (Word(printable(decision), WHY.get(reason, "")),)

    @property
    def dropped(self) -> str:
        """How much was not judged since the daemon's start, in pauses too; empty if unknown."""
        account, status = self.source.account, self.source.status
        if account is None or status is None or status.rate_hz is None:
            return ""
        return f"{account.dropped / status.rate_hz:.1f} s"

    def probability(self, at: int) -> float | None:
        if self.frame is None or self.frame.labels != self.labels:
            return None
        return self.frame.p_smooth[at]

    def worth_rows(self, room: int) -> list[int]:
        """Choose labels for the rows: what sounds, then the likeliest now and lately; in order.

        A row is kept as long as no label is clearly likelier, so that rows do not come and go.
        """
        lately = {one.label for one in self.source.soundings.values()}

        def worth(at: int) -> tuple[bool, float]:
            label = self.labels[at]
            likely = max(self.probability(at) or 0.0, LATELY if label in lately else 0.0)
            return label in self.sounding, likely + STEADY * (label in self.source.rows)

        chosen = sorted(sorted(range(len(self.labels)), key=worth, reverse=True)[:room])
        self.source.rows = frozenset(self.labels[at] for at in chosen)
        return chosen

    def _word(self, one: Active) -> Word:
        # a frame comes with every hop, a state once a second
        likely = zip(self.frame.labels, self.frame.p_smooth, strict=True) if self.frame else ()
        p_smooth = dict(likely).get(one.label, one.p_smooth)
        since_us = max(0, self.now_us - one.t_on_us)
        return Word(printable(one.label), f"{p_smooth:.2f} · {duration(since_us)}")


def duration(us: int) -> str:
    """Return 0:07, 1:12 or 2:03:04."""
    minutes, seconds = divmod(us // 1_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
