"""The bars and the timeline of the dashboard."""

import pytest

from instrd.clients import meters
from instrd.clients.picture import TIMELINE_US, Sounding

NOW_US = 1_790_000_000_000_000


@pytest.mark.parametrize(
    ("share", "filled"), [(0.0, 0), (0.5, 10), (1.0, 20), (-1.0, 0), (7.0, 20)]
)
def test_a_bar_is_as_long_as_its_share(share: float, filled: int) -> None:
    text = meters.bar(share, None, 20, "green")
    track = sum(span.end - span.start for span in text.spans if span.style == meters.TRACK)
    assert (len(text), track) == (20, 20 - filled)


def test_what_is_empty_looks_so_without_colours_too() -> None:
    assert meters.bar(0.55, None, 10, "green").plain == "━━━━━╸────"
    assert meters.bar(0.55, 0.8, 10, "green").plain == "━━━━━╸──┃─"
    assert meters.level(-30.0, -12.0, 10).plain == "■■■■■··┃··"


def test_a_bar_marks_its_threshold() -> None:
    assert meters.bar(0.9, 0.5, 20, "green").plain.index("┃") == 10
    assert meters.bar(0.1, 1.0, 20, "green").plain.index("┃") == 19


def test_the_timeline_shows_the_last_20_s_with_now_at_the_right() -> None:
    soundings = [
        Sounding("piano", NOW_US - TIMELINE_US * 3, NOW_US - TIMELINE_US // 2),
        Sounding("piano", NOW_US - TIMELINE_US // 4),
    ]
    text = meters.timeline(soundings, [], NOW_US, 20, "green")
    assert text.plain == "■■■■■■■■■■·····■■■■■"


def test_the_shortest_sounding_and_a_gap_are_seen() -> None:
    at_us = NOW_US - TIMELINE_US // 2
    text = meters.timeline([Sounding("piano", at_us, at_us)], [at_us + 2_000_000], NOW_US, 20, "")
    assert text.plain == "··········▪·┊·······"


@pytest.mark.parametrize(
    ("width", "axis"),
    [
        (6, "  now╵"),
        (12, "╵-20 s  now╵"),
        (20, "╵-20 s    ╵-10  now╵"),
        (40, "╵-20 s    ╵-15      ╵-10      ╵-5   now╵"),
    ],
)
def test_the_scale_has_as_many_marks_as_there_is_room_for(width: int, axis: str) -> None:
    assert meters.time_axis(width).plain == axis


def test_the_scale_ends_with_what_its_end_is() -> None:
    assert meters.time_axis(20, "last heard╵").plain == "╵-20 s   last heard╵"
