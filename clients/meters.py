"""Bars, level meter and timeline, each as one line of text."""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Final

from rich.text import Text

from instrd.clients.picture import TIMELINE_US, Sounding

TRACK: Final = "grey30"
FLOOR_DBFS: Final = -60.0  # left end of the level meter
LOUD_DBFS: Final = -18.0
HOT_DBFS: Final = -6.0


def bar(share: float, tick: float | None, width: int, colour: str) -> Text:
    """Draw a share of 0 to 1 in half columns, and a tick where the threshold is."""
    halves = round(2 * max(0.0, min(1.0, share)) * width)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    marks = filled.ljust(width, "─")
    if tick is None:
        return Text.assemble((filled, colour), (marks[len(filled) :], TRACK))
    at = min(width - 1, int(tick * width))
    text = Text(f"{marks[:at]}┃{marks[at + 1 :]}")
    text.stylize(colour, 0, len(filled))
    text.stylize(TRACK, len(filled))
    text.stylize("not dim bold white" if at < halves // 2 else "not dim grey58", at, at + 1)
    return text


def level(rms_dbfs: float, peak_dbfs: float, width: int) -> Text:
    """Draw rms as a bar from -60 to 0 dBFS, green to red, and the peak as a tick."""

    def column(dbfs: float) -> int:
        return max(0, min(width, round((dbfs - FLOOR_DBFS) / -FLOOR_DBFS * width)))

    zones = ((column(LOUD_DBFS), "green3"), (column(HOT_DBFS), "yellow2"), (width, "red1"))
    filled, peak = column(rms_dbfs), column(peak_dbfs) - 1
    cells = []
    for at in range(width):
        colour = next(colour for end, colour in zones if at < end)
        mark = "┃" if at == peak else "■" if at < filled else "·"
        cells.append((mark, colour if at < filled or at == peak else TRACK))
    return _joined(cells)


def timeline(
    soundings: Iterable[Sounding], gaps_us: Iterable[int], now_us: int, width: int, colour: str
) -> Text:
    """Draw one label's last 20 s, newest at the right; a red mark where audio was lost."""
    start_us = now_us - TIMELINE_US

    def half(t_us: int) -> int:
        return max(0, min(2 * width, (t_us - start_us) * 2 * width // TIMELINE_US))

    sounds = bytearray(2 * width)
    for sounding in soundings:
        end = half(now_us if sounding.t_off_us is None else sounding.t_off_us)
        begin = min(half(sounding.t_on_us), 2 * width - 1)
        # even the shortest sounding is seen
        sounds[begin : max(end, begin + 1)] = b"\1" * (max(end, begin + 1) - begin)
    lost = {half(t_us) // 2 for t_us in gaps_us}
    cells = []
    for at in range(width):
        halves = sounds[2 * at] + sounds[2 * at + 1]
        if at in lost:
            cells.append(("┊", "red1"))
        else:
            cells.append(("·▪■"[halves], colour if halves else TRACK))
    return _joined(cells)


def time_axis(width: int, now: str = "now╵") -> Text:
    """Draw the scale under the timelines, with as many marks as there is room for."""
    seconds = TIMELINE_US // 1_000_000
    text = ""
    for mark in range(seconds, 0, -5):
        at = (seconds - mark) * width // seconds
        label = f"╵-{mark} s " if mark == seconds else f"╵-{mark} "
        if len(text) <= at <= width - len(now) - len(label):
            text = text.ljust(at) + label
    return Text(text.ljust(width - len(now)) + now, style="grey50")


def _joined(cells: Iterable[tuple[str, str]]) -> Text:
    """One span per run of a colour: rich draws those several times faster than cells."""
    text = Text()
    for colour, run in groupby(cells, key=itemgetter(1)):
        text.append("".join(mark for mark, _ in run), style=colour)
    return text
