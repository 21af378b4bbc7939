"""What is logged while the dashboard covers the terminal is not lost."""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import PROGRAM

from instrd.daemon.withholding import KEPT, NEWS_S, withheld

log = logging.getLogger(__name__)


def test_what_is_logged_under_a_picture_is_written_once_it_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with withheld(covered=True) as kept:
        assert kept.newest() == ""
        for number in (1, 2):
            log.warning("warning %d", number)
        assert re.fullmatch(r"\d\d:\d\d:\d\d warning 2", kept.newest())
        assert caplog.messages == []
    log.warning("after it")
    assert caplog.messages == ["warning 1", "warning 2", "after it"]


def test_a_log_that_no_picture_covers_is_written_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with withheld(covered=False) as kept:
        log.warning("warning")
        assert caplog.messages == ["warning"]
        assert kept.newest().endswith("warning")
    assert caplog.messages == ["warning"]


def test_of_many_messages_the_newest_are_kept_and_the_others_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with withheld(covered=True):
        for number in range(KEPT + 3):
            log.warning("warning %d", number)
    assert caplog.messages == [
        "3 messages before these were not kept",
        *(f"warning {number}" for number in range(3, KEPT + 3)),
    ]


def test_news_grow_old_and_warnings_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "level", logging.INFO)
    with withheld(covered=True) as kept:
        log.warning("a warning")
        log.info("news")
        assert kept.newest().endswith("news")
        later_s = time.time() + NEWS_S
        monkeypatch.setattr(time, "time", lambda: later_s)
        assert kept.newest().endswith("a warning")


def shown_in(terminal: int) -> Iterator[str]:
    """Yield all that a terminal has been told, again and again until nobody tells it more."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65_536)
        except OSError:  # Linux says so when the program at the other end has gone
            return
        yield shown.decode(errors="ignore")


def test_a_warning_has_a_line_of_the_dashboard_and_stays_when_that_is_gone(settings: Path) -> None:
    ours, its = os.openpty()
    arguments = ["run", "--config", str(settings), "--source", "synth:?tones=440", "--dashboard"]
    with subprocess.Popen([*PROGRAM, *arguments], stdout=its, stderr=its) as daemon:
        os.close(its)
        showing = shown_in(ours)
        next(shown for shown in showing if "running" in shown)
        settings.write_text("bogus = 1")
        daemon.send_signal(signal.SIGHUP)
        next(shown for shown in showing if "reload changed nothing" in shown)
        daemon.terminate()
        *_, shown = showing
    os.close(ours)
    picture, _, after = shown.rpartition("\x1b[?1049l")  # ends the alternate screen
    assert "reload changed nothing" in picture
    assert "reload changed nothing" in after
    assert daemon.returncode == 0


def test_a_terminal_that_cannot_draw_has_lines_and_no_picture(settings: Path) -> None:
    ours, its = os.openpty()
    arguments = ["run", "--config", str(settings), "--source", "synth:?tones=440"]
    dumb = os.environ | {"TERM": "dumb"}
    with subprocess.Popen([*PROGRAM, *arguments], stdout=its, stderr=its, env=dumb) as daemon:
        os.close(its)
        showing = shown_in(ours)
        shown = next(shown for shown in showing if "synth           running" in shown)
        daemon.terminate()
    os.close(ours)
    assert "\x1b" not in shown
