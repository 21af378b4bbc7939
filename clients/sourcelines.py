"""Many sources on the dashboard: each in one row, with columns in common."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from instrd.clients.headline import FAINT, alarm_colour, headline
from instrd.clients.sourceview import SourceView

SHORTEST_NAME: Final = 8  # columns of the ids, however few there are
ROOMY: Final = 60  # columns from which faults are counted


def lines(views: Sequence[SourceView], width: int) -> list[Text]:
    """Return a row per source."""
    longest = max((len(view.source.source) for view in views), default=0)
    names = min(longest, max(SHORTEST_NAME, 2 * width // 5))
    marks = [_mark(view, width) for view in views]
    widest = max(map(len, marks), default=0)
    rows = []
    for view, mark in zip(views, marks, strict=True):
        row = Text(view.source.source, style="bold" if view.heard else f"bold {alarm_colour(view)}")
        row.truncate(names, overflow="ellipsis", pad=True)
        row = Text.assemble(row, " ")
        row.append_text(headline(view, width - len(row) - widest))
        row.append_text(mark).truncate(width)
        rows.append(row)
    return rows


def hidden_line(views: Sequence[SourceView], width: int) -> Text:
    """Return how many sources have no row, and how those fare of which nothing is heard."""
    unheard = [view for view in views if view.link.alive and not view.heard]
    conditions = [view.condition for view in unheard]
    colours = {alarm_colour(view) for view in unheard}
    wrong = "".join(f", {conditions.count(one)} {one}" for one in dict.fromkeys(conditions))
    many, s = len(views), "s" * (len(views) > 1)
    texts = [f"{told}{wrong}" for told in (f"and {many} more source{s}", f"and {many} more")]
    text = next((text for text in texts if len(text) <= width), f"+{many}{wrong}")
    worst = next((one for one in ("red1", "yellow2") if one in colours), None)
    row = Text(text, style=f"bold {worst}" if worst else FAINT)
    row.truncate(width, overflow="ellipsis")
    return row


def _mark(view: SourceView, width: int) -> Text:
    """Return the first fault that there is; in red while it is on the timeline."""
    gaps, skipped = view.source.gap_count, view.source.skipped
    if gaps:
        text = f"{gaps} gap{'s' * (gaps > 1)}"
    elif skipped:
        text = f"{skipped} skipped"
    else:
        return Text()
    style = "bold red1" if view.source.gaps_us else "yellow2"
    return Text(f" {text if width >= ROOMY else '!'}", style=style)
