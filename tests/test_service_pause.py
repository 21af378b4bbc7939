"""Pauses: what is told of them, and what becomes of their samples."""

from service_rig import RATE_HZ, Played, Rig
from sounds import tone, two_tones

from instrd.clients.protocol import AnyMessage, Event, Frame, Gap, Heartbeat, State, Status


def test_a_pause_is_a_named_gap_and_ends_what_sounds(rig: Rig) -> None:
    asked: list[str] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, State) and message.active and not asked:
            asked.append("pause")
            assert rig.ask("pause") == {"paused": ["s0"]}

    rig.on_message = take
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    rig.check_accounts()
    rig.check_events()
    beat = rig.of(Heartbeat)[-1]
    assert isinstance(beat, Heartbeat)
    assert beat.sources["s0"].dropped > 3 * RATE_HZ
    gaps = [m for m in rig.messages if isinstance(m, Gap)]
    assert [gap.reason for gap in gaps] == ["paused"]
    assert sum(gap.count for gap in gaps) == beat.sources["s0"].dropped


def test_a_pause_ends_where_it_is_resumed(rig: Rig) -> None:
    asked: list[str] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, Frame) and not asked:
            asked.append("pause")
            rig.ask("pause", source="s0")
        if isinstance(message, Heartbeat) and asked == ["pause"]:
            account = message.sources["s0"]
            if account.captured - account.pending > 2 * RATE_HZ:
                asked.append("resume")
                assert rig.ask("resume") == {"paused": []}

    rig.on_message = take
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    rig.check_accounts()
    rig.check_events()
    (gap,) = rig.of(Gap)
    assert isinstance(gap, Gap)
    assert (gap.rate_hz, gap.s0, gap.reason) == (RATE_HZ, 1600, "paused")
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert sum(frame.s0 >= gap.s1 for frame in frames) == len(frames) - 1
    assert {frame.skipped for frame in frames} == {0}
    assert {m.label for m in rig.messages if isinstance(m, Event)} >= {"high"}


def test_a_pause_is_told_from_its_beginning_to_its_end(rig: Rig) -> None:
    asked: list[str] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, Frame) and not asked:
            asked.append("pause")
            rig.ask("pause")
        if isinstance(message, Heartbeat) and asked == ["pause"]:
            account = message.sources["s0"]
            if account.captured - account.pending > 2 * RATE_HZ:
                asked.append("resume")
                rig.ask("resume")

    rig.on_message = take
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    told = [m for m in rig.messages if isinstance(m, Status | Gap)]
    assert [m.detail if isinstance(m, Status) else m.reason for m in told] == [
        "",
        "paused",
        "paused",
        "",
        "",
    ]
    assert [m.status for m in told if isinstance(m, Status)] == ["running"] * 3 + ["ended"]
    paused = rig.messages[rig.messages.index(told[1]) : rig.messages.index(told[2])]
    beats = sum(isinstance(m, Heartbeat) for m in paused)
    states = [m for m in paused if isinstance(m, State)]
    assert len(states) >= beats > 1
    assert {(m.active, m.decision, m.gate) for m in states} == {((), "silence", "closed")}


def test_samples_lost_during_a_pause_are_named_once(rig: Rig) -> None:
    asked: list[str] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, Frame) and not asked:
            asked.append("pause")
            rig.ask("pause")

    rig.on_message = take
    with rig:
        rig.run(Played(tone(440.0, 3.0, RATE_HZ), lost_at={16_000: 5000}))
    rig.check_accounts()
    gaps = [(m.s0, m.s1, m.reason) for m in rig.messages if isinstance(m, Gap)]
    assert [reason for _, _, reason in gaps] == ["paused", "overflow", "paused"]
    assert [end for _, end, _ in gaps[:-1]] == [start for start, _, _ in gaps[1:]]
    assert gaps[-1][1] == 3 * RATE_HZ + 5000


def test_what_waits_in_a_pause_at_the_end_is_named_too(rig: Rig) -> None:
    def look(message: AnyMessage) -> None:
        if isinstance(message, Frame):
            rig.ask("pause")
            rig.ask("shutdown")

    rig.on_message = look
    with rig:
        rig.run(Played(tone(440.0, 30.0, RATE_HZ), endless=True))
    last = rig.of(Heartbeat)[-1]
    assert isinstance(last, Heartbeat)
    assert last.sources["s0"].pending == 0
    gaps = [message for message in rig.messages if isinstance(message, Gap)]
    assert sum(gap.count for gap in gaps) == last.sources["s0"].dropped
    rig.check_accounts()
