"""Models change under a running service, and nothing is lost."""

import threading
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from service_rig import RATE_HZ, Played, Rig
from sounds import two_tones
from tone_bundle import tone_ensemble

from instrd.clients.protocol import AnyMessage, Frame, Gap, Heartbeat, Model
from instrd.daemon import hearing
from instrd.daemon.config import Config, ModelChoice
from instrd.daemon.control import Commands, ControlSocket
from instrd.daemon.errors import InstrdError
from instrd.daemon.hearing import load
from instrd.models.bundle import Bundle
from instrd.models.classifier import Classifier

HOP = 1600
MAX_LATE_HOPS = 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an ensemble `both` and its members."""
    tone_ensemble(tmp_path / "both", "weighted")
    return tmp_path


def rig_with(model: str, folder: Path) -> Rig:
    return Rig(Config(model=ModelChoice(name=model, folders=(str(folder),))))


def ask_between_hops(rig: Rig, model: str) -> None:
    """Set another model in the pause between two hops, in the middle of the first tone."""
    done: list[str] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, Heartbeat) and not done:
            account = message.sources["s0"]
            if account.captured - account.pending > 2 * RATE_HZ:
                done.append(model)
                rig.ask("set_model", model=model)

    rig.on_message = take


@pytest.mark.parametrize(
    ("before", "after"),
    [("both-causal", "both-window"), ("both-window", "both"), ("both", "both-causal")],
)
def test_a_change_of_model_loses_no_hop(folder: Path, before: str, after: str) -> None:
    rig = rig_with(before, folder)
    ask_between_hops(rig, after)
    samples = two_tones(RATE_HZ)
    with rig:
        assert rig.run(Played(samples)) == 0
    rig.check_accounts()
    rig.check_events()
    (*_, beat) = [m for m in rig.messages if isinstance(m, Heartbeat)]
    account = beat.sources["s0"]
    assert account.analysed + account.gated == account.captured == len(samples)
    assert rig.of(Gap) == []
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert [name for name, _ in groupby(frame.model for frame in frames)] == [before, after]
    assert [frame.s1 for frame in frames] == list(range(1600, len(samples) + 1, 1600))
    assert [m.name for m in rig.messages if isinstance(m, Model)] == [before, after]


def test_what_comes_in_while_a_model_is_loaded_is_judged_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_with("both-causal", folder)
    asked, arrived = threading.Event(), threading.Event()

    def load_slowly(config: Config) -> tuple[Bundle, Classifier]:
        asked.set()
        assert arrived.wait(10)
        return load(config)

    def ask(message: AnyMessage) -> None:
        if isinstance(message, Heartbeat) and not asked.is_set():
            account = message.sources["s0"]
            if account.analysed + account.gated == 2 * HOP:
                monkeypatch.setattr(hearing, "load", load_slowly)
                rig.ask("set_model", model="both-window")

    rig.on_message = ask
    at: dict[int, Callable[[], object]] = {2 * HOP: lambda: asked.wait(10), 9 * HOP: arrived.set}
    with rig:
        assert rig.run(Played(two_tones(RATE_HZ)[: 10 * HOP], at=at), lossless=False) == 0
    rig.check_accounts()
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert [frame.model for frame in frames[1:9]] == ["both-causal"] + 7 * ["both-window"]
    assert [frame.s1 for frame in frames[:9]] == list(range(HOP, 9 * HOP + 1, HOP))


def test_the_next_request_waits_until_what_waited_for_the_last_one_is_worked_off(
    folder: Path,
) -> None:
    asked, arrived = threading.Event(), threading.Event()
    waiting: list[int] = []

    class Asking(ControlSocket):
        """Somebody who asks for something that takes long."""

        endpoint = "ipc:///made/up"

        def __init__(self) -> None:
            """Open nothing."""

        def answer(self, _: Commands) -> bool:
            following = rig.service.followed["s0"]
            if following.passage is not None:
                waiting.append(following.passage.waiting_hops)
            if asked.is_set() or following.position < HOP:
                return False
            asked.set()
            assert arrived.wait(10)
            following.excuse()
            return True

    rig = Rig(Config(model=ModelChoice(name="both-causal", folders=(str(folder),))), Asking())
    at: dict[int, Callable[[], object]] = {2 * HOP: lambda: asked.wait(10), 19 * HOP: arrived.set}
    with rig:
        assert rig.run(Played(two_tones(RATE_HZ)[: 20 * HOP], at=at), lossless=False) == 0
    assert rig.of(Gap) == []
    assert max(waiting) <= MAX_LATE_HOPS


def test_frames_name_the_votes_of_an_ensemble_and_none_of_a_single_model(folder: Path) -> None:
    rig = rig_with("both", folder)
    ask_between_hops(rig, "both-causal")
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    together = [frame.members for frame in frames if frame.model == "both"]
    assert {tuple(members) for members in together} == {("both-causal", "both-window")}
    assert {"both-causal": "low", "both-window": "low"} in together
    assert [frame.members for frame in frames if frame.model != "both" and frame.members] == []


def test_an_ensemble_whose_member_is_missing_is_refused_and_the_old_model_stays(
    folder: Path,
) -> None:
    (folder / "both-window").rename(folder / "elsewhere")
    rig = rig_with("both-causal", folder)
    with rig:
        with pytest.raises(InstrdError, match="both-window: is not there"):
            rig.ask("set_model", model="both")
        assert rig.run(Played(two_tones(RATE_HZ))) == 0
    assert {m.model for m in rig.messages if isinstance(m, Frame)} == {"both-causal"}
