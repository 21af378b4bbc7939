"""One source on the dashboard: level, decision, a row per label, the numbers."""

from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from instrd.clients import meters
from instrd.clients.bigletters import ROWS, big
from instrd.clients.link import Link
from instrd.clients.picture import Picture, SourcePicture
from instrd.clients.printable import printable
from instrd.clients.protocol import PAUSED, SILENCE_DBFS

COLOURS: Final = (
    "#ff6b6b", "#ffa94d", "#ffd43b", "#a9e34b", "#51cf66", "#20c997", "#22b8cf",
    "#4dabf7", "#748ffc", "#b197fc", "#da77f2", "#f783ac", "#c0a080",
)  # fmt: skip
FAINT: Final = "grey42"
STALE_US: Final = 1_500_000  # a frame older than this no longer says what sounds
LABEL_WIDTH: Final = 10
FEWEST_LABELS: Final = 3
FEWEST_BLOCKS: Final = 4  # of the level; a shorter meter says nothing
WIDEST_DECISION: Final = 24  # columns, where it shares a row
WIDE: Final = 48  # columns from which the level shows the peak in numbers
LISTENING: Final = ("running", "flat")


@dataclass(frozen=True, slots=True)
class SourcePanel:
    """What is drawn of one source, in how many columns."""

    picture: Picture
    source: SourcePicture
    link: Link
    width: int

    def draw(self, height: int) -> RenderableType:
        """Return the panel; with few rows it does without the big word, then without labels."""
        room = height - 4  # two borders, level, axis
        if room < min(FEWEST_LABELS, len(self.labels)):
            return self._one_line()
        spare = room - len(self.labels)
        if spare >= ROWS:
            space = [Text()] if spare >= ROWS + 2 else []
            head = [self._level(self._inner), *space, *self._big_decision(), *space]
        else:
            head = [self._word_and_level(self._inner)]
        shown = self._worth_rows(room)
        rows = [*head, *map(self._label, shown), self._axis(len(self.labels) - len(shown))]
        for row in rows:
            row.truncate(self._inner)
        return Panel(
            Group(*rows),
            title=self._title(),
            title_align="left",
            subtitle=self._numbers(),
            subtitle_align="right",
            border_style=FAINT if self.heard else self._alarm_colour,
            width=self.width,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        if self.picture.model is not None:
            return self.picture.model.labels
        return () if self.source.frame is None else self.source.frame.labels

    @property
    def condition(self) -> str:
        """How the source fares, in a word; a paused one runs and nobody listens."""
        status = self.source.status
        if status is None:
            return "running"
        return PAUSED if status.detail == PAUSED else status.status

    @property
    def heard(self) -> bool:
        return self.link.alive and self.condition in LISTENING

    @property
    def active(self) -> tuple[str, ...]:
        if not self.heard or self.source.state is None:
            return ()
        sounds = {active.label for active in self.source.state.active}
        return tuple(label for label in self.labels if label in sounds)

    @property
    def decision(self) -> str:
        """What to show big: when nobody listens that is the news, not the last label."""
        if not self.link.alive:
            return "ended" if self.link.ended else "no signal"
        if not self.heard:
            return self.condition
        return "" if self.source.state is None else self.source.state.decision

    def _worth_rows(self, room: int) -> list[int]:
        """Choose labels for the rows: first what sounds, then what did lately; in order."""
        lately = {one.label for one in self.source.soundings.values()}

        def dispensable(at: int) -> tuple[bool, bool]:
            return self.labels[at] not in self.active, self.labels[at] not in lately

        return sorted(sorted(range(len(self.labels)), key=dispensable)[:room])

    @property
    def _inner(self) -> int:
        return self.width - 4

    @property
    def _alarm_colour(self) -> str:
        return "yellow2" if self.link.alive and self.condition == PAUSED else "red1"

    def _colour(self, label: str) -> str:
        if label not in self.labels:
            return "grey62" if self.heard else self._alarm_colour
        return COLOURS[self.labels.index(label) % len(COLOURS)]

    def _probability(self, at: int) -> float | None:
        frame = self.source.frame
        if frame is None or frame.t_pub_us < self.picture.now_us - STALE_US or not self.heard:
            return None
        return frame.p_smooth[at] if frame.labels == self.labels else None

    def _level(self, width: int) -> Text:
        level, state = (self.source.level, self.source.state) if self.heard else (None, None)
        rms, peak = (level.rms_dbfs, level.peak_dbfs) if level else (SILENCE_DBFS, SILENCE_DBFS)
        peak_text = f"  peak {peak:6.1f}" if width > WIDE else ""
        text = Text(f"{rms:7.1f} dBFS{peak_text} ", style="grey70" if self.heard else FAINT)
        gate_open = state is not None and state.gate == "open"
        text.append(*(("● open  ", "green3") if gate_open else ("○ gated ", FAINT)))
        if level and level.clipped:
            text.append("CLIP ", style="bold white on red1")
        room = width - len(text) - 1
        if room < FEWEST_BLOCKS:
            return text
        return meters.level(rms, peak, room).append(" ").append_text(text)

    def _big_decision(self) -> list[Text]:
        words = self.active or (self.decision,)
        rows = [Text(" ") for _ in range(ROWS)]
        for word in words:
            drawn = big(word if word == words[0] else f" {word}")
            if drawn is None or len(rows[0]) + len(drawn[0]) > self._inner:
                rows[1].append(f"  {word}", style=f"bold {self._colour(word)}")
                rows[0].append(" " * (len(word) + 2))
                continue
            for row, line in zip(rows, drawn, strict=True):
                row.append(line, style=self._colour(word))
        return rows

    def _word_and_level(self, width: int) -> Text:
        text = Text()
        for word in self.active or (self.decision,):
            text.append(f"{word} ", style=f"bold {self._colour(word)}")
        taken = min(WIDEST_DECISION, self.width // 3)
        text.truncate(taken - 1, overflow="ellipsis", pad=True)
        return text.append(" ").append_text(self._level(width - taken))

    def _label(self, at: int) -> Text:
        label = self.labels[at]
        colour, share = self._colour(label), self._probability(at)
        number = "  - " if share is None else f"{share:.2f}"
        sounds = label in self.active
        background = self.picture.model is not None and label in self.picture.model.background
        text = Text(f"{label[:LABEL_WIDTH]:<{LABEL_WIDTH}} ")
        text.stylize(f"bold {colour}" if sounds else FAINT if background else "grey70")
        bar_colour = colour if sounds else f"dim {colour}"
        text.append_text(meters.bar(share or 0.0, self._threshold(at), self._bar_width, bar_colour))
        text.append(f" {number} ", style="bold" if sounds else FAINT)
        soundings = (one for one in self.source.soundings.values() if one.label == label)
        roll = meters.timeline(
            soundings, self.source.gaps_us, self.picture.now_us, self._roll_width, colour
        )
        return text.append_text(roll)

    def _threshold(self, at: int) -> float | None:
        return None if self.picture.model is None else self.picture.model.thresholds_on[at]

    @property
    def _bar_width(self) -> int:
        return max(8, self._inner // 4)

    @property
    def _roll_width(self) -> int:
        return max(4, self._inner - LABEL_WIDTH - self._bar_width - 7)

    def _axis(self, hidden: int) -> Text:
        note = f"and {hidden} more labels" if hidden else ""
        margin = Text(f"{note:<{LABEL_WIDTH + self._bar_width + 7}}", style=FAINT)
        return margin.append_text(meters.time_axis(self._roll_width))

    def _title(self) -> Text:
        status = self.source.status
        text = Text(f" {self.source.source} ", style="bold")
        if status:
            style = "green3" if self.heard else self._alarm_colour
            text.append(f"{self.condition} ", style=style)
            rate = f"{status.rate_hz / 1000:g} kHz" if status.rate_hz else ""
            detail = "" if self.condition == PAUSED else status.detail
            about = " · ".join(filter(None, (status.description, rate, detail)))
            text.append(f"{printable(about)} " if about else "", style="grey58")
        text.truncate(self._inner, overflow="ellipsis")
        return text

    def _numbers(self) -> Text:
        frame, account = self.source.frame, self.source.account
        parts = []
        if frame:
            lat = frame.lat_ms
            parts.append(
                f"{lat.total:.1f} ms late (features {lat.features:.1f}, infer {lat.infer:.1f})"
            )
        if account:
            parts.append(f"dropped {account.dropped}")
        parts.append(f"gaps {self.source.gap_count} · skipped {self.source.skipped}")
        bad = self.source.gap_count or self.source.skipped or (account and account.dropped)
        text = Text(f" {' · '.join(parts)} ", style="yellow2" if bad else FAINT)
        text.truncate(self._inner, overflow="ellipsis")
        return text

    def _one_line(self) -> Text:
        text = Text(f"{self.source.source[:14]:<14} ", style="bold")
        text.append_text(self._word_and_level(self.width - len(text)))
        text.truncate(self.width)
        return text
