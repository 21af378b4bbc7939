"""What messages add up to."""

import pytest
from pictures import NOW_US, changed, event, frame, picture_of, playing_piano, state

from instrd.clients.picture import (
    MOST_GAPS,
    MOST_SOUNDINGS,
    MOST_SOURCES,
    TIMELINE_US,
    Picture,
    Sounding,
)


@pytest.fixture
def playing() -> Picture:
    return playing_piano()


def test_an_event_becomes_a_block_that_ends() -> None:
    picture = picture_of(event("on", "e1", NOW_US - 3_000_000))
    soundings = picture.sources["stage-left"].soundings
    assert soundings == {"e1": Sounding("piano", NOW_US - 3_000_000)}
    picture.take(event("off", "e1", NOW_US - 3_000_000, NOW_US))
    assert soundings == {"e1": Sounding("piano", NOW_US - 3_000_000, NOW_US)}


def test_a_state_begins_what_began_before_and_ends_what_ended_unheard() -> None:
    picture = picture_of(event("on", "lost-off", NOW_US - 3_000_000), state("violin"))
    assert picture.sources["stage-left"].soundings == {
        "lost-off": Sounding("piano", NOW_US - 3_000_000, NOW_US),
        "id-violin": Sounding("violin", NOW_US - 2_000_000),
    }


def test_at_the_fast_pace_what_ended_unheard_and_gaps_are_where_the_sound_is() -> None:
    ahead_us = NOW_US + 60_000_000
    picture = picture_of(event("on", "e1", ahead_us - 1), frame(t1_us=ahead_us), changed("gap"))
    source = picture.sources["stage-left"]
    assert list(source.gaps_us) == [ahead_us]
    picture.take(state())
    assert source.soundings == {"e1": Sounding("piano", ahead_us - 1, ahead_us)}


def test_what_ended_20_s_ago_is_forgotten_and_what_sounds_is_kept() -> None:
    old_us = NOW_US - TIMELINE_US - 1
    picture = picture_of(
        event("off", "old", old_us - 1, old_us), event("on", "long", old_us), changed("level")
    )
    assert list(picture.sources["stage-left"].soundings) == ["long"]


def test_gaps_of_20_s_ago_are_forgotten_also_of_a_source_that_says_no_more() -> None:
    picture = picture_of(changed("gap", t_pub_us=NOW_US - TIMELINE_US - 1))
    source = picture.sources["stage-left"]
    assert source.gaps_us
    picture.take(changed("heartbeat"))
    assert (list(source.gaps_us), source.gap_count) == ([], 1)


def test_another_run_starts_a_new_picture(playing: Picture) -> None:
    playing.take(changed("bye", run="run2"))
    assert playing.run == "run2"
    assert not playing.sources
    assert playing.model is None


def test_skipped_hops_and_gaps_add_up() -> None:
    picture = picture_of(frame(skipped=2), frame(skipped=3), changed("gap"))
    source = picture.sources["stage-left"]
    assert (source.skipped, source.gap_count) == (5, 1)


def test_a_pause_that_somebody_wished_is_no_loss() -> None:
    source = picture_of(changed("gap", reason="paused")).sources["stage-left"]
    assert (source.gap_count, list(source.gaps_us)) == (0, [])


def test_sources_are_in_the_order_of_the_daemon_whoever_speaks_first() -> None:
    picture = picture_of(
        state(source="extra"),
        state(source="second"),
        changed("hello", sources=("first", "second")),
        state(source="late"),
    )
    assert list(picture.sources) == ["first", "second", "extra", "late"]


def test_a_hostile_publisher_does_not_make_the_picture_grow() -> None:
    picture = Picture()
    for number in range(MOST_SOUNDINGS + 2):
        picture.take(event("on", f"e{number}", NOW_US))
        picture.take(changed("gap"))
    source = picture.sources["stage-left"]
    assert list(source.soundings) == [f"e{number}" for number in range(2, MOST_SOUNDINGS + 2)]
    assert len(source.gaps_us) == MOST_GAPS
    assert source.gap_count == MOST_SOUNDINGS + 2
    many = tuple(f"s{number}" for number in range(MOST_SOURCES + 2))
    picture.take(changed("hello", sources=many))
    for name in many:
        picture.take(state(source=name))
    assert list(picture.sources) == [*many[: MOST_SOURCES - 1], "stage-left"]
