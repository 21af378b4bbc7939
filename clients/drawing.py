"""The picture drawn for a terminal of any size."""

from textwrap import wrap
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from instrd.clients.books import DEAD_AFTER_S
from instrd.clients.link import Link
from instrd.clients.picture import Picture
from instrd.clients.printable import printable
from instrd.clients.sourcelines import hidden_line, lines
from instrd.clients.sourcepanel import FEWEST_COLUMNS, SourcePanel
from instrd.clients.sourceview import SourceView

UNHEARD: Final = "nothing heard yet: is instrd running, is the address right?"


LATE_S: Final = 1.5
"""Of a heartbeat that comes every second; a younger one's age says nothing."""


def render(
    picture: Picture, link: Link, width: int, height: int, note: str = "", *, hint: str = ""
) -> RenderableType:
    """Return the dashboard, with as much detail as `height` rows allow; `hint` only with room."""
    above = [_header(picture, link, width, hint), *_notes(link, note, width)]
    room = max(0, height - len(above))
    views = [SourceView(picture, source, link) for source in picture.sources.values()]
    if len(views) > room:
        shown, hidden = views[: max(0, room - 1)], views[max(0, room - 1) :]
        return Group(*above, *lines(shown, width), hidden_line(hidden, width))
    panels = [SourcePanel(view, width) for view in views]
    rows, left_over = divmod(room, max(1, len(panels)))
    if width < FEWEST_COLUMNS or any(rows < panel.fewest_rows for panel in panels):
        return Group(*above, *lines(views, width))
    # A row more is worth a label; where all have one, the panels are to look alike.
    more = [at < left_over and rows < one.rows_of_all_labels for at, one in enumerate(panels)]
    return Group(*above, *(panel.draw(rows + one) for panel, one in zip(panels, more, strict=True)))


def _header(picture: Picture, link: Link, width: int, hint: str) -> Text:
    left = Text.assemble((" instrd ", "bold black on #4dabf7"), " ")
    if picture.run:
        left.append(printable(picture.node), style="bold")
        left.append(f" · run {printable(picture.run)}", style="grey58")
    if picture.model:
        left.append(f" · model {picture.model.name} on {picture.model.device}", style="grey58")
    right = _pulse(picture, link, width)
    hinted = Text.assemble((f"{hint} · ", "grey58"), right)
    if hint and len(left) + 1 + len(hinted) <= width:
        right = hinted
    left.truncate(max(0, width - len(right) - 1), overflow="ellipsis", pad=True)
    left.append(" ").append_text(right).truncate(width, overflow="ellipsis")
    return left


def _notes(link: Link, note: str, width: int) -> list[Text]:
    unheard = link.heartbeat_age_s is None and link.silent_s >= DEAD_AFTER_S
    trouble = link.trouble or (UNHEARD if unheard else "")
    texts = [*wrap(trouble, width), printable(" ".join(note.split()))]
    rows = [Text(text, style="bold yellow") for text in texts if text]
    for row in rows:
        row.truncate(width, overflow="ellipsis")
    return rows


def _pulse(picture: Picture, link: Link, width: int) -> Text:
    if link.ended:
        reason = printable(picture.bye.reason) if picture.bye else ""
        return Text(f"■ ended: {reason} ", style="bold yellow")
    if link.heartbeat_age_s is None:
        return Text(f"waiting for {link.endpoint} ", style="bold yellow")
    pulse = Text(f"✖ dead for {link.heartbeat_age_s:.0f} s ", style="bold red1")
    if link.alive:
        age = f"{link.heartbeat_age_s:.1f} s " if link.heartbeat_age_s > LATE_S else ""
        pulse = Text(f"♥ {age}", style="bold green3")
    lost = Text(f"{link.lost} messages lost · " if link.lost else "", style="red1")
    return lost.append_text(pulse) if len(lost) + len(pulse) <= width else pulse
