"""One source on the dashboard: level, decision, a row per label, the numbers."""

from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from instrd.clients import meters
from instrd.clients.bigletters import ROWS
from instrd.clients.headline import FAINT, alarm_colour, big_words, colour, headline, loudness
from instrd.clients.printable import printable
from instrd.clients.sourceview import SourceView

NARROWEST_LABELS: Final = 10  # columns, however short the labels are
FEWEST_LABELS: Final = 2
LABELS_BEFORE_AXIS: Final = 3
FEWEST_COLUMNS: Final = 33  # with fewer, bars would be cut short of their numbers


@dataclass(frozen=True)
class SourcePanel:
    """What is drawn of one source, in how many columns."""

    view: SourceView
    width: int

    @property
    def fewest_rows(self) -> int:
        """With fewer it says nothing that a single row does not."""
        return 3 + min(FEWEST_LABELS, len(self.view.labels))  # two borders and what sounds

    @property
    def rows_of_all_labels(self) -> int:
        return 4 + len(self.view.labels)

    def draw(self, height: int) -> RenderableType:
        """Return the panel; with few rows it does without the big word, then without labels.

        Why nothing is heard is told whole before labels have a row.
        """
        labels = len(self.view.labels)
        room = height - 3  # two borders, what sounds
        why = self._why(room)
        room -= len(why)
        has_axis = room > min(LABELS_BEFORE_AXIS, labels)
        room -= has_axis
        shown = self.view.worth_rows(room)
        axis = [self._axis(labels - len(shown))] if has_axis else []
        rows = [*self._head(room - labels), *why, *map(self._label, shown), *axis]
        for row in rows:
            row.truncate(self._inner)
        return Panel(
            Group(*rows),
            title=self._title(),
            title_align="left",
            subtitle=self._numbers(),
            subtitle_align="right",
            border_style=FAINT if self.view.heard else alarm_colour(self.view),
            width=self.width,
        )

    @property
    def _inner(self) -> int:
        return self.width - 4

    def _head(self, spare: int) -> list[Text]:
        """Return what sounds and how loud, in one row and at most `spare` more."""
        if spare < ROWS:
            return [headline(self.view, self._inner)]
        words = big_words(self.view, self._inner)
        if spare < len(words):
            return [headline(self.view, self._inner), *words[:ROWS]]
        above, below = ([Text()] * (spare > len(words) + at) for at in range(2))
        return [loudness(self.view, self._inner), *above, *words, *below]

    def _why(self, room: int) -> list[Text]:
        if self.view.heard or room <= 0:
            return []
        rows = wrap(self.view.detail, self._inner, max_lines=room, placeholder="…")
        return [Text(row, style=alarm_colour(self.view)) for row in rows]

    def _label(self, at: int) -> Text:
        view, model = self.view, self.view.picture.model
        label, share = view.labels[at], view.probability(at)
        its_colour = colour(view, label)
        number = "  - " if share is None else f"{share:.2f}"
        sounds = label in view.sounding
        text = Text(f"{set_cell_size(printable(label), self._label_width)} ")
        is_background = model is not None and label in model.background
        text.stylize(f"bold {its_colour}" if sounds else FAINT if is_background else "grey70")
        threshold = None if model is None else model.thresholds_on[at]
        bar_colour = its_colour if sounds else f"dim {its_colour}"
        text.append_text(meters.bar(share or 0.0, threshold, self._bar_width, bar_colour))
        text.append(f" {number} ", style="bold" if sounds else FAINT)
        soundings = (one for one in view.source.soundings.values() if one.label == label)
        roll = meters.timeline(
            soundings, view.source.gaps_us, view.now_us, self._roll_width, its_colour
        )
        return text.append_text(roll)

    @cached_property
    def _label_width(self) -> int:
        """Return the columns of the longest label, as far as there is room."""
        longest = max((cell_len(printable(label)) for label in self.view.labels), default=0)
        return max(NARROWEST_LABELS, min(longest, self._inner // 4))

    @property
    def _bar_width(self) -> int:
        return max(8, self._inner // 4)

    @property
    def _roll_width(self) -> int:
        return max(4, self._inner - self._label_width - self._bar_width - 7)

    def _axis(self, hidden: int) -> Text:
        note = f"and {hidden} more label{'s' * (hidden > 1)}" if hidden else ""
        margin = Text(f"{note:<{self._label_width + self._bar_width + 7}}", style=FAINT)
        link = self.view.link
        now = "now╵" if link.alive or link.awaited else "last heard╵"
        return margin.append_text(meters.time_axis(self._roll_width, now))

    def _title(self) -> Text:
        view, status = self.view, self.view.source.status
        text = Text(view.source.source, style="bold")
        if status:
            if view.link.alive:
                style = "green3" if view.heard else alarm_colour(view)
                text.append(f" {view.condition}", style=style)
            rate = f"{status.rate_hz / 1000:g} kHz" if status.rate_hz else ""
            detail = view.detail if view.heard else ""
            about = " · ".join(filter(None, (printable(status.description), rate, detail)))
            text.append(f" {about}" if about else "", style="grey58")
        text.truncate(self._inner - 2, overflow="ellipsis")
        return text

    def _numbers(self) -> Text:
        """Return what was lost and how late it is, the latter as far as there is room."""
        gaps, skipped = self.view.source.gap_count, self.view.source.skipped
        counts = f"gaps {gaps} · skipped {skipped}"
        losses = f"dropped {dropped} · {counts}" if (dropped := self.view.dropped) else counts
        texts = [losses]
        if self.view.frame:
            lat = self.view.frame.lat_ms
            late = f"{lat.total:.1f} ms late"
            spent = f"features {lat.features:.1f}, infer {lat.infer:.1f}"
            texts = [f"{late} ({spent}) · {losses}", f"{late} · {losses}", losses]
        room = self._inner - 2
        text = next((text for text in texts if len(text) <= room), counts)
        row = Text(text, style="yellow2" if gaps or skipped else FAINT)
        row.truncate(room, overflow="ellipsis")
        return row
