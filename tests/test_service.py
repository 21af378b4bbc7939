import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import pytest
from sounds import TWO_TONES, silence, tone, two_tones
from tone_bundle import tone_bundle

from instrd.clients.control import Request
from instrd.clients.protocol import AnyMessage, Bye, Event, Frame, Gap, Heartbeat, State, Status
from instrd.daemon.commands import commands_of
from instrd.daemon.config import Config
from instrd.daemon.errors import InstrdError, SourceError
from instrd.daemon.hearing import Hearing
from instrd.daemon.publisher import Publisher
from instrd.daemon.service import Chosen, Service
from instrd.daemon.signals import StopWish
from instrd.daemon.sources import Block

RATE_HZ = 16_000
Floats = np.ndarray


class Played:
    """A source that plays an array; `at` calls a function when a position is reached."""

    rate_hz = RATE_HZ
    description = "played from memory"

    def __init__(
        self,
        samples: Floats,
        *,
        lost_at: dict[int, int] | None = None,
        at: dict[int, Callable[[], None]] | None = None,
        error: Exception | None = None,
        endless: bool = False,
    ) -> None:
        self._samples = samples
        self._lost_at = lost_at or {}
        self._at = at or {}
        self._error = error
        self._closed = threading.Event()
        self._endless = endless
        self._position = 0

    def read(self) -> Block | None:
        if self._position >= len(self._samples):
            if self._error:
                raise self._error
            if self._endless:
                self._closed.wait(20)
            return None
        for position in [p for p in self._at if p <= self._position]:
            self._at.pop(position)()
        piece = self._samples[self._position : self._position + 800]
        lost = self._lost_at.pop(self._position, 0)
        self._position += len(piece)
        return Block(piece, lost, round(1e15 + self._position * 1e6 / RATE_HZ))

    def close(self) -> None:
        self._closed.set()


class Rig:
    """A service on a free port; its messages are kept."""

    def __init__(self, config: Config) -> None:
        self.messages: list[AnyMessage] = []
        self.publisher = Publisher(["tcp://127.0.0.1:*"], node="test", run="abc123")
        self.service = Service(
            Hearing(config, "abc123"),
            self.publisher,
            None,
            self.take,
            StopWish(),
            beat_every_s=0.0,
        )
        self.commands = commands_of(self.service, None)
        self.on_message: Callable[[AnyMessage], None] = lambda _: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.publisher.__exit__(kind, error, trace)

    def take(self, message: AnyMessage) -> None:
        self.messages.append(message)
        self.on_message(message)

    def run(self, *sources: Played, lossless: bool = True) -> int:
        chosen = {f"s{n}": Chosen(source, lossless) for n, source in enumerate(sources)}
        return self.service.run(chosen, self.commands)

    def ask(self, cmd: str, **fields: object) -> dict[str, object]:
        return self.commands[cmd](Request(cmd=cmd, **fields))  # type: ignore[arg-type]

    def of(self, kind: type) -> list[AnyMessage]:
        return [message for message in self.messages if isinstance(message, kind)]

    def check_accounts(self) -> None:
        for beat in self.messages:
            if isinstance(beat, Heartbeat):
                for one in beat.sources.values():
                    accounted = one.analysed + one.gated + one.dropped + one.pending
                    assert one.captured == accounted

    def check_events(self) -> None:
        ends: dict[str, list[str]] = defaultdict(list)
        for event in self.messages:
            if isinstance(event, Event) and event.event != "update":
                ends[event.id].append(event.event)
        assert all(ended == ["on", "off"] for ended in ends.values()), ends


@pytest.fixture
def rig(tone_config: Config) -> "Rig":
    return Rig(tone_config)


def test_a_source_is_followed_from_its_first_sample_to_its_end(rig: Rig) -> None:
    samples = two_tones(RATE_HZ)
    with rig:
        assert rig.run(Played(samples)) == 0
    rig.check_events()
    rig.check_accounts()
    ons = [m for m in rig.messages if isinstance(m, Event) and m.event == "on"]
    assert [on.label for on in ons] == ["low", "high"]
    for on, (_, on_s, _) in zip(ons, TWO_TONES, strict=True):
        assert on.t_on_us / 1e6 - 1e9 == pytest.approx(on_s, abs=0.35)
    last = rig.of(Heartbeat)[-1]
    assert isinstance(last, Heartbeat)
    account = last.sources["s0"]
    assert (account.captured, account.pending, account.dropped) == (len(samples), 0, 0)
    assert account.gated > RATE_HZ
    assert isinstance(rig.messages[-1], Bye)
    statuses = [m.status for m in rig.messages if isinstance(m, Status)]
    assert statuses == ["running", "ended"]


def test_several_sources_are_judged_as_if_alone(rig: Rig) -> None:
    low, high = tone(440.0, 2.0, RATE_HZ), tone(2000.0, 3.0, RATE_HZ)
    with rig:
        rig.run(Played(low), Played(high), Played(silence(1.0, RATE_HZ)))
    labels = {m.source: m.label for m in rig.messages if isinstance(m, Event)}
    assert labels == {"s0": "low", "s1": "high"}
    rig.check_accounts()


def test_samples_lost_by_the_source_are_named_and_counted(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 3.0, RATE_HZ), lost_at={16_000: 5000}))
    (gap,) = rig.of(Gap)
    assert isinstance(gap, Gap)
    assert (gap.s0, gap.s1, gap.count, gap.reason) == (16_000, 21_000, 5000, "overflow")
    rig.check_accounts()
    rig.check_events()
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert all(frame.s1 <= 16_000 or frame.s0 >= 21_000 for frame in frames)


def test_a_late_live_reader_skips_to_the_newest_and_names_what_it_skipped(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 30.0, RATE_HZ)), lossless=False)
    gaps = [m for m in rig.messages if isinstance(m, Gap)]
    assert gaps
    rig.check_accounts()
    rig.check_events()
    beat = rig.of(Heartbeat)[-1]
    assert isinstance(beat, Heartbeat)
    assert beat.sources["s0"].dropped == sum(gap.count for gap in gaps)
    assert beat.sources["s0"].captured == 30 * RATE_HZ


def test_a_source_that_fails_ends_the_daemon_with_its_reason(rig: Rig) -> None:
    error = SourceError("microphone: unplugged")
    with rig:
        assert rig.run(Played(tone(440.0, 1.0, RATE_HZ), error=error)) == 1
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert (bye.exit_code, "unplugged" in bye.reason) == (1, True)
    (failed,) = [m for m in rig.messages if isinstance(m, Status) and m.status == "failed"]
    assert "unplugged" in failed.detail
    rig.check_events()


def test_a_broken_capture_thread_ends_the_daemon_too(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with rig:
        assert rig.run(Played(silence(0.5, RATE_HZ), error=ZeroDivisionError("bug"))) == 1
    assert "capture of s0 broke" in caplog.text


def test_shutdown_gives_every_open_event_its_off_and_says_bye(rig: Rig) -> None:
    def stop(message: AnyMessage) -> None:
        if isinstance(message, Event) and message.event == "on":
            rig.ask("shutdown")

    rig.on_message = stop
    with rig:
        assert rig.run(Played(tone(440.0, 2.0, RATE_HZ), endless=True)) == 0
    off = rig.of(Event)[-1]
    assert isinstance(off, Event)
    assert (off.event, off.end_reason) == ("off", "shutdown")
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert bye.reason == "shutdown"


def ask_during(rig: Rig, cmd: str, **fields: object) -> Callable[[AnyMessage], None]:
    """Return a watch that asks once, when the first event comes on."""
    done: list[object] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, Event) and message.event == "on" and not done:
            done.append(True)
            pending.append((cmd, fields))
        if isinstance(message, Frame) and pending:
            name, arguments = pending.pop()
            rig.ask(name, **arguments)

    pending: list[tuple[str, dict[str, object]]] = []
    return take


def test_a_mask_set_while_running_ends_what_it_hides(rig: Rig) -> None:
    rig.on_message = ask_during(rig, "set_mask", labels=("high",))
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    rig.check_events()
    ons = [m.label for m in rig.messages if isinstance(m, Event) and m.event == "on"]
    assert ons == ["low", "high"]
    (off,) = [m for m in rig.of(Event) if isinstance(m, Event) and m.end_reason][:1]
    assert off.t_off_us is not None
    assert off.t_off_us / 1e6 - 1e9 < 2.0


def test_thresholds_can_be_raised_while_running(rig: Rig) -> None:
    rig.on_message = ask_during(rig, "set_thresholds", thresholds_on={"high": 1.0})
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    assert {m.label for m in rig.messages if isinstance(m, Event)} == {"low"}
    with pytest.raises(InstrdError, match="model tones has: low, high"):
        rig.ask("set_thresholds", thresholds_on={"harp": 0.5})
    with pytest.raises(InstrdError, match="allowed at most its on"):
        rig.ask("set_thresholds", thresholds_on={"low": 0.1})


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
    assert (gap.s0, gap.reason) == (1600, "paused")
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert sum(frame.s0 >= gap.s1 for frame in frames) == len(frames) - 1
    assert {frame.skipped for frame in frames} == {0}
    assert {m.label for m in rig.messages if isinstance(m, Event)} >= {"high"}


def test_state_follows_a_mask_at_once(rig: Rig) -> None:
    rig.on_message = ask_during(rig, "set_mask", labels=("high",))
    with rig:
        rig.run(Played(tone(440.0, 2.0, RATE_HZ)))
    kinds = [m for m in rig.messages if isinstance(m, Event | State)]
    off = next(n for n, m in enumerate(kinds) if isinstance(m, Event) and m.event == "off")
    state = kinds[off + 1]
    assert isinstance(state, State)
    assert state.active == ()


def test_skipped_counts_the_late_hops_of_a_live_source(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 30.0, RATE_HZ)), lossless=False)
    late = sum(m.count for m in rig.messages if isinstance(m, Gap) and m.reason == "late")
    skipped = sum(m.skipped for m in rig.messages if isinstance(m, Frame))
    assert skipped == late // 1600


def test_a_bundle_that_does_not_fit_itself_is_refused_and_the_old_one_stays(
    rig: Rig, tone_model: Path
) -> None:
    one = (1.0,)
    fields: dict[str, Any] = {
        "temperature": one,
        "bias": one,
        "threshold_on": one,
        "threshold_off": one,
    }
    tone_bundle(tone_model / "narrow", labels=("low",), **fields)
    with rig:
        with pytest.raises(InstrdError, match=r"narrow: (judges 2 labels|its net does not fit)"):
            rig.ask("set_model", model="narrow")
        assert rig.run(Played(tone(440.0, 1.0, RATE_HZ))) == 0
    assert {m.model for m in rig.messages if isinstance(m, Frame)} == {"tones"}


def test_a_defect_in_the_loop_still_ends_every_event_and_says_bye(rig: Rig) -> None:
    def break_down(message: AnyMessage) -> None:
        if isinstance(message, State) and message.active:
            rig.on_message = lambda _: None
            raise ZeroDivisionError("defect")

    rig.on_message = break_down
    with rig, pytest.raises(ZeroDivisionError):
        rig.run(Played(tone(440.0, 2.0, RATE_HZ), endless=True))
    rig.check_events()
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert (bye.exit_code, bye.reason) == (1, "internal error: defect")


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


def test_an_unknown_model_leaves_the_old_one_in_place(rig: Rig) -> None:
    with rig:
        with pytest.raises(InstrdError, match=r"nothing: is not there; there are: .*tones"):
            rig.ask("set_model", model="nothing")
        assert rig.run(Played(two_tones(RATE_HZ))) == 0
    assert [m.label for m in rig.messages if isinstance(m, Event) and m.event == "on"] == [
        "low",
        "high",
    ]


def test_a_model_is_swapped_between_two_hops(rig: Rig, tone_model: Path) -> None:
    tone_bundle(tone_model / "other", background=("low",))
    rig.on_message = ask_during(rig, "set_model", model="other")
    samples = two_tones(RATE_HZ)
    with rig:
        rig.run(Played(samples))
    rig.check_events()
    rig.check_accounts()
    ends = [m.end_reason for m in rig.messages if isinstance(m, Event) and m.end_reason]
    assert "model_changed" in ends
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert {frame.model for frame in frames} == {"tones", "other"}
    assert len(frames) == len(samples) // 1600
    assert rig.ask("list_models")["now"] == "other"


def test_commands_tell_what_is_there(rig: Rig) -> None:
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    assert rig.ask("ping") == {"node": "test", "run": "abc123"}
    assert "s0" in rig.ask("list_sources")
    state = rig.ask("get_state", source="s0")["s0"]
    assert isinstance(state, dict)
    assert state["decision"] == "silence"
    with pytest.raises(InstrdError, match="got source 's9', allowed: s0"):
        rig.ask("get_state", source="s9")
    with pytest.raises(InstrdError, match="without --config"):
        rig.ask("reload")
    with pytest.raises(InstrdError, match="got source 's9'"):
        rig.ask("pause", source="s9")
    with pytest.raises(InstrdError, match="got no model"):
        rig.ask("set_model")


def test_reload_takes_over_the_file_and_refuses_a_broken_one(
    tmp_path: Path, tone_config: Config
) -> None:
    path = tmp_path / "config.toml"
    rig = Rig(tone_config)
    rig.commands = commands_of(rig.service, path)
    folder = tone_config.model.folders[0]
    model = f'[model]\nname = "tones"\nfolders = ["{folder}"]\n'
    with rig:
        path.write_text(model + '[decision]\nmask = ["high"]\n')
        rig.ask("reload")
        before = rig.service.hearing.config
        assert before.decision.mask == ("high",)
        path.write_text("[decision]\nmask = 3\n")
        with pytest.raises(InstrdError, match=r"decision\.mask"):
            rig.ask("reload")
        assert msgspec.structs.asdict(rig.service.hearing.config) == msgspec.structs.asdict(before)
