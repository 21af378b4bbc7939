"""The picture drawn for a terminal of any size."""

from textwrap import wrap
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from instrd.clients.books import DEAD_AFTER_S
from instrd.clients.link import Link
from instrd.clients.picture import Picture
from instrd.clients.printable import printable
from instrd.clients.sourcepanel import FAINT, SourcePanel

UNHEARD: Final = "nothing heard yet: is instrd running, is the address right?"


def render(picture: Picture, link: Link, width: int, height: int, note: str = "") -> RenderableType:
    """Return the dashboard, with as much detail as `height` rows allow."""
    above = [_header(picture, link, width), *_notes(link, note, width)]
    room, sources = height - len(above), list(picture.sources.values())
    shown = sources if len(sources) <= room else sources[: max(0, room - 1)]
    panels = [SourcePanel(picture, source, link, width) for source in shown]
    hidden = len(sources) - len(shown)
    below = [Text(f"and {hidden} more sources", style=FAINT)] if hidden else []
    return Group(*above, *(panel.draw(room // len(shown)) for panel in panels), *below)


def _header(picture: Picture, link: Link, width: int) -> Text:
    left = Text.assemble((" instrd ", "bold black on #4dabf7"), " ")
    if picture.run:
        left.append(printable(picture.node), style="bold")
        left.append(f" · run {printable(picture.run)}", style="grey58")
    if picture.model:
        left.append(f" · model {picture.model.name} on {picture.model.device}", style="grey58")
    right = _pulse(picture, link)
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


def _pulse(picture: Picture, link: Link) -> Text:
    if link.ended:
        reason = printable(picture.bye.reason) if picture.bye else ""
        return Text(f"■ ended: {reason} ", style="bold yellow")
    if link.heartbeat_age_s is None:
        return Text(f"waiting for {link.endpoint} ", style="bold yellow")
    lost = f"{link.lost} messages lost · " if link.lost else ""
    if link.alive:
        return Text.assemble((lost, "red1"), (f"♥ {link.heartbeat_age_s:.1f} s ", "bold green3"))
    return Text(f"{lost}✖ dead for {link.heartbeat_age_s:.0f} s ", style="bold red1")
