"""A picture over the terminal: only what changed is written."""

import io
import re
import time

import pytest
from rich.console import Console
from rich.text import Text

from instrd.clients.screen import REPAINT_S, Screen


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=8, height=3)


def written(console: Console) -> str:
    """Return what was written since the last call."""
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    console.file.seek(0)
    console.file.truncate()
    return text


def rows(text: str) -> list[tuple[int, str]]:
    """Return the rows that a text writes, from 1, and what is on them."""
    found = re.findall(r"\x1b\[(\d+);1H([^\x1b]*)", text)
    return [(int(row), line) for row, line in found]


def test_only_the_rows_that_changed_are_written(console: Console) -> None:
    screen = Screen(console)
    screen.paint(Text("piano\n\norgan"))
    first = written(console)
    assert first.startswith("\x1b[?1049h\x1b[H\x1b[?25l\x1b[?2026h")
    assert rows(first) == [(1, "piano   "), (2, "        "), (3, "organ   ")]
    assert first.endswith("\x1b[?2026l")
    screen.paint(Text("piano\n\nflute"))
    assert written(console) == "\x1b[?2026h\x1b[3;1Hflute   \x1b[?2026l"
    screen.paint(Text("piano\n\nflute"))
    assert written(console) == ""


def test_a_row_that_changed_only_its_colour_is_written(console: Console) -> None:
    screen = Screen(console)
    screen.paint(Text("piano"))
    written(console)
    screen.paint(Text("piano", style="red"))
    assert "piano" in written(console)


def test_all_rows_are_written_to_a_terminal_of_another_size(console: Console) -> None:
    screen = Screen(console)
    screen.paint(Text("piano"))
    written(console)
    console.size = console.size._replace(width=9, height=2)
    screen.paint(Text("piano"))
    assert rows(written(console)) == [(1, "piano    "), (2, "         ")]


def test_what_covers_the_picture_or_was_lost_of_it_is_painted_again_soon(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(console)
    screen.paint(Text("piano"))
    written(console)
    later_s = time.monotonic() + REPAINT_S
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    screen.paint(Text("piano"))
    assert [row for row, _ in rows(written(console))] == [1, 2, 3]


def test_a_screen_that_was_left_shows_what_was_there_before_until_it_is_painted_again(
    console: Console,
) -> None:
    screen = Screen(console)
    screen.leave()
    assert written(console) == ""
    screen.paint(Text("piano"))
    written(console)
    screen.leave()
    assert written(console) == "\x1b[?25h\x1b[?1049l"
    screen.paint(Text("piano"))
    again = written(console)
    assert again.startswith("\x1b[?1049h")
    assert [row for row, _ in rows(again)] == [1, 2, 3]
