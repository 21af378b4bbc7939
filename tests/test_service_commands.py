import threading
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from service_rig import RATE_HZ, Played, Rig, ask_during, dated_s
from sounds import tone, two_tones
from tone_bundle import tone_bundle

from instrd.clients.control import KEYS, Request
from instrd.clients.protocol import AnyMessage, Event, Frame, Gap, Model, State
from instrd.daemon import hearing
from instrd.daemon.commands import commands_of
from instrd.daemon.config import Config, ModelChoice, Threshold
from instrd.daemon.configfile import read_config
from instrd.daemon.errors import ConfigError, InstrdError
from instrd.daemon.hearing import hearing_for_run
from instrd.daemon.service import Chosen
from instrd.daemon.signals import ReloadWish
from instrd.daemon.sources import Unbroken
from instrd.models.errors import BundleError


def test_every_command_has_its_keys_in_the_contract_and_on_the_page(rig: Rig) -> None:
    page = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text(encoding="utf-8")
    with rig:
        assert list(rig.commands) == list(KEYS)
    assert f"| `cmd` | {', '.join(KEYS)} |" in page


def test_a_mask_set_while_running_ends_what_it_hides(rig: Rig) -> None:
    rig.on_message = ask_during(rig, "set_mask", labels=("high",))
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    rig.check_events()
    ons = [m.label for m in rig.messages if isinstance(m, Event) and m.event == "on"]
    assert ons == ["low", "high"]
    (off,) = [m for m in rig.of(Event) if isinstance(m, Event) and m.end_reason][:1]
    assert off.t_off_us is not None
    assert dated_s(off.t_off_us) < 2.0


def test_thresholds_can_be_raised_while_running(rig: Rig) -> None:
    rig.on_message = ask_during(rig, "set_thresholds", thresholds_on={"high": 1.0})
    with rig:
        rig.run(Played(two_tones(RATE_HZ)))
    assert {m.label for m in rig.messages if isinstance(m, Event)} == {"low"}
    with pytest.raises(InstrdError, match="model tones has: low, high"):
        rig.ask("set_thresholds", thresholds_on={"harp": 0.5})
    with pytest.raises(InstrdError, match="allowed at most its on"):
        rig.ask("set_thresholds", thresholds_on={"low": 0.1})


def test_thresholds_can_be_taken_back(rig: Rig) -> None:
    with rig:
        rig.ask("set_thresholds", thresholds_on={"high": 0.9})
        assert rig.ask("set_thresholds", thresholds_on={"low": 0.8})["thresholds"] == {
            "high": {"on": 0.9, "off": 0.4},
            "low": {"on": 0.8, "off": 0.4},
        }
        assert rig.ask("set_thresholds")["thresholds"] == {}


def test_thresholds_that_were_asked_for_go_with_their_model(
    tone_config: Config, tone_model: Path
) -> None:
    tone_bundle(tone_model / "other", labels=("low", "harp"))
    rig = Rig(msgspec.structs.replace(tone_config, thresholds={"low": Threshold(0.7, 0.6)}))
    with rig:
        rig.ask("set_thresholds", thresholds_on={"high": 0.9})
        rig.ask("set_model", model="other")
        assert rig.service.hearing.config.thresholds == {"low": Threshold(0.7, 0.6)}


def test_a_mask_with_which_nothing_could_be_named_is_refused(
    tone_config: Config, tone_model: Path
) -> None:
    tone_bundle(tone_model / "other", background=("low",))
    with Rig(tone_config) as rig:
        rig.ask("set_mask", labels=("low",))
        with pytest.raises(InstrdError, match=r"got low alone.* model other: high; set_mask with"):
            rig.ask("set_model", model="other")
        rig.ask("set_mask")
        rig.ask("set_model", model="other")
        with pytest.raises(InstrdError, match="got low alone, which is never named"):
            rig.ask("set_mask", labels=("low",))
        assert rig.ask("set_mask", labels=("low", "high")) == {"mask": ["low", "high"]}
        masked = rig.service.hearing.config
    decision = msgspec.structs.replace(masked.decision, mask=("low",))
    with pytest.raises(ConfigError, match="got low alone"):
        hearing_for_run(msgspec.structs.replace(masked, decision=decision), "test")


def test_a_model_that_lacks_a_label_of_the_mask_is_refused_with_what_to_do(
    rig: Rig, tone_model: Path
) -> None:
    tone_bundle(tone_model / "other", labels=("low", "harp"))
    with rig:
        rig.ask("set_mask", labels=("high",))
        told = "decision.mask: got high; model other has: low, harp; set_mask without labels clears"
        with pytest.raises(InstrdError, match=told):
            rig.ask("set_model", model="other")
        rig.ask("set_mask")
        assert rig.ask("set_model", model="other") == {"model": "other"}


def test_state_follows_a_mask_at_once(rig: Rig) -> None:
    rig.on_message = ask_during(rig, "set_mask", labels=("high",))
    with rig:
        rig.run(Played(tone(440.0, 2.0, RATE_HZ)))
    kinds = [m for m in rig.messages if isinstance(m, Event | State)]
    off = next(n for n, m in enumerate(kinds) if isinstance(m, Event) and m.event == "off")
    state = kinds[off + 1]
    assert isinstance(state, State)
    assert state.active == ()


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
        with pytest.raises(InstrdError, match=r"narrow: model\.onnx: logits is .* 2\)"):
            rig.ask("set_model", model="narrow")
        assert rig.run(Played(tone(440.0, 1.0, RATE_HZ))) == 0
    assert {m.model for m in rig.messages if isinstance(m, Frame)} == {"tones"}


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


@pytest.mark.parametrize("command", ["set_model", "reload"])
def test_a_model_that_was_trained_anew_under_its_name_takes_over_when_it_is_asked_for(
    tone_config: Config, tmp_path: Path, command: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[model]\nname = "tones"\nfolders = ["{tone_config.model.folders[0]}"]\n')
    rig = Rig(tone_config)
    rig.commands = commands_of(rig.service, partial(read_config, path))
    given = {"model": "tones"} if command == "set_model" else {}
    with rig:
        first = rig.service.hearing.classifier
        rig.ask(command, **given)
        assert rig.service.hearing.classifier is first
        tone_bundle(Path(tone_config.model.folders[0]) / "tones", threshold_on=(0.9, 0.9))
        rig.ask("set_mask", labels=("low",))
        assert rig.service.hearing.classifier is first
        rig.ask(command, **given)
        assert rig.service.hearing.classifier is not first
        told = rig.of(Model)[-1]
        assert isinstance(told, Model)
        assert told.thresholds_on == (0.9, 0.9)


def test_other_folders_of_models_change_no_model_that_is_the_same_in_them(
    tone_config: Config, tone_model: Path, tmp_path: Path
) -> None:
    more = (str(tone_model), str(tmp_path))
    fresh = msgspec.structs.replace(tone_config, model=ModelChoice(name="tones", folders=more))
    rig = Rig(tone_config)
    rig.commands = commands_of(rig.service, lambda: fresh)
    rig.on_message = ask_during(rig, "reload")
    with rig:
        first = rig.service.hearing.classifier
        rig.run(Played(tone(440.0, 2.0, RATE_HZ)))
        assert rig.service.hearing.classifier is first
        assert rig.service.hearing.config.model.folders == more
    ends = [m.end_reason for m in rig.messages if isinstance(m, Event) and m.end_reason]
    assert len(ends) == 1
    assert ends != ["model_changed"]


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
    for command in ("pause", "resume"):
        with pytest.raises(InstrdError, match=r"source s0: is over \(ended\)"):
            rig.ask(command, source="s0")
        assert rig.ask(command) == {"paused": []}
    with pytest.raises(InstrdError, match="got no model"):
        rig.ask("set_model")


def test_reload_takes_over_the_file_and_refuses_a_broken_one(
    tmp_path: Path, tone_config: Config
) -> None:
    path = tmp_path / "config.toml"
    rig = Rig(tone_config)
    rig.commands = commands_of(rig.service, partial(read_config, path))
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


def test_reload_says_what_waits_for_the_next_start(
    tmp_path: Path, tone_config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    gate = msgspec.structs.replace(tone_config.gate, open_dbfs=-40.0)
    fresh = msgspec.structs.replace(tone_config, gate=gate)
    rig = Rig(tone_config)
    rig.commands = commands_of(rig.service, lambda: fresh)
    with rig:
        rig.ask("reload")
        assert "changes of gate wait for the next start" in caplog.text
        assert rig.service.hearing.config.gate == tone_config.gate


def test_a_defect_in_a_reload_by_signal_does_not_end_the_daemon(rig: Rig) -> None:
    def broken(_: Request) -> dict[str, Any]:
        raise RuntimeError("Could not determine home directory.")

    wish = ReloadWish()
    wish.ask()
    with rig:
        sources = {"s0": Chosen(Unbroken(Played(two_tones(RATE_HZ))), lossless=True)}
        commands = {**rig.commands, "reload": broken}
        assert rig.service.run(sources, commands, wish) == 0
    rig.check_events()


def test_a_model_that_is_refused_after_long_costs_no_sound(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, captured, refused = (threading.Event() for _ in range(3))

    def load(_: Config) -> None:
        asked.set()
        captured.wait(20.0)  # two seconds of sound come in meanwhile
        raise BundleError("big", "is no good")

    def ask() -> None:
        with pytest.raises(InstrdError, match="is no good"):
            rig.ask("set_model", model="big")
        refused.set()

    monkeypatch.setattr(hearing, "load", load)
    samples = tone(440.0, 2.0, RATE_HZ)
    last = len(samples) - 800
    played = Played(samples, at={1600: lambda: asked.wait(20.0), last: captured.set})

    def look(message: AnyMessage) -> None:
        if isinstance(message, Frame) and not refused.is_set():
            ask()

    rig.on_message = look
    with rig:
        rig.run(played, lossless=False)
    assert refused.is_set()
    assert rig.of(Gap) == []


def test_a_change_of_model_leaves_the_gate_as_it_is(tone_config: Config, tone_model: Path) -> None:
    tone_bundle(tone_model / "other")
    sound = tone(440.0, 2.0, RATE_HZ)
    sound[RATE_HZ // 2 :] *= 10.0 ** (-33.0 / 20.0)  # -53 dBFS: softer than what opens the gate
    rig = Rig(tone_config)
    rig.on_message = ask_during(rig, "set_model", model="other")
    with rig:
        rig.run(Played(sound))
    frames = [message for message in rig.messages if isinstance(message, Frame)]
    assert {frame.model for frame in frames} == {"tones", "other"}
    assert {frame.gate for frame in frames} == {"open"}
