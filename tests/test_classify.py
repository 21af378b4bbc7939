from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from sounds import TWO_TONES, silence, tone, two_tones
from tone_bundle import FRONT_END, WINDOW_FRAMES, tone_bundle

from instrd.daemon.classify import classify, lower_gate
from instrd.daemon.config import Config, GateLevels, ModelChoice
from instrd.daemon.errors import ConfigError
from instrd.daemon.hearing import Hearing
from instrd.models.errors import AudioFileError

HALF_WINDOW_AND_HOP_S = WINDOW_FRAMES * FRONT_END.hop / FRONT_END.rate_hz / 2 + 0.1


def masked(config: Config, *labels: str) -> Config:
    decision = msgspec.structs.replace(config.decision, mask=labels)
    return msgspec.structs.replace(config, decision=decision)


def deaf(config: Config) -> Config:
    """Return a configuration whose gate lets nothing of these sounds pass."""
    gate = msgspec.structs.replace(config.gate, open_dbfs=-5.0, close_dbfs=-6.0)
    return msgspec.structs.replace(config, gate=gate)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_known_onsets_are_found_within_half_a_window_and_a_hop(
    tmp_path: Path, tone_config: Config, rate_hz: int
) -> None:
    path = tmp_path / "two.wav"
    soundfile.write(path, two_tones(rate_hz), rate_hz)
    verdict = classify(path, Hearing(tone_config, "test"))
    assert [event.label for event in verdict.events] == [label for label, _, _ in TWO_TONES]
    for event, (_, on_s, off_s) in zip(verdict.events, TWO_TONES, strict=True):
        assert event.t_on_s == pytest.approx(on_s, abs=HALF_WINDOW_AND_HOP_S)
        assert event.t_off_s == pytest.approx(off_s, abs=HALF_WINDOW_AND_HOP_S + 0.1)
    assert verdict.decision == "low"


def test_sample_positions_are_exact(tmp_path: Path, tone_config: Config) -> None:
    path = tmp_path / "two.wav"
    rate_hz, samples = 44_100, two_tones(44_100)
    soundfile.write(path, samples, rate_hz)
    verdict = classify(path, Hearing(tone_config, "test"), with_frames=True)
    assert verdict.frames is not None
    assert len(verdict.frames) == len(samples) // 4410
    for number, frame in enumerate(verdict.frames, 1):
        # The newest frame ends within one frame and the resampler's delay of the hop's end.
        assert 0.0 <= number * 0.1 - frame.t1_s < 0.06
        assert frame.t0_s <= frame.t1_s
    at_rate = [frame.t1_s * FRONT_END.rate_hz / FRONT_END.hop for frame in verdict.frames[:-1]]
    np.testing.assert_allclose(at_rate, np.round(at_rate), atol=1e-3)


def test_silence_is_silence(tmp_path: Path, tone_config: Config) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, silence(2.0, 48_000), 48_000)
    verdict = classify(path, Hearing(masked(tone_config, "low"), "test"))
    assert (verdict.decision, verdict.events) == ("silence", ())


def test_what_is_too_quiet_for_the_gate_is_heard_with_a_lower_one(
    tmp_path: Path, tone_config: Config
) -> None:
    path = tmp_path / "two.wav"
    soundfile.write(path, two_tones(48_000), 48_000)
    loud = classify(path, Hearing(tone_config, "test"))
    quiet = classify(path, Hearing(deaf(tone_config), "test"))
    assert (quiet.decision, quiet.events) == (loud.decision, loud.events)
    assert loud.decision == "low"


def test_the_lower_gate_is_20_db_below_the_loudest_and_faint_hiss_has_none() -> None:
    gate = GateLevels(open_dbfs=-50.0, close_dbfs=-56.0)
    lower = lower_gate(gate, -60.0)
    assert lower is not None
    assert (lower.open_dbfs, lower.close_dbfs, lower.hold_s) == (-80.0, -86.0, gate.hold_s)
    assert lower_gate(gate, -80.1) is None


def test_quiet_sound_in_which_nothing_is_found_is_silence(
    tmp_path: Path, tone_config: Config
) -> None:
    path = tmp_path / "between.wav"
    soundfile.write(path, tone(6000.0, 2.0, 48_000), 48_000)
    for config in (deaf(tone_config), masked(deaf(tone_config), "low")):
        verdict = classify(path, Hearing(config, "test"), with_frames=True)
        assert (verdict.decision, verdict.events) == ("silence", ())
        assert verdict.frames is not None
        assert {frame.decision for frame in verdict.frames} == {"silence"}


def test_a_stroke_in_a_hop_that_the_end_of_the_file_cuts_is_named(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "tones", "causal")
    config = Config(model=ModelChoice(name="tones", folders=(str(tmp_path),)))
    path = tmp_path / "cut.wav"
    short = np.concatenate([silence(0.1, 48_000), tone(440.0, 0.04, 48_000)])
    soundfile.write(path, short, 48_000)  # 0.04 s, less than min_on_s
    verdict = classify(path, Hearing(config, "test"))
    assert verdict.decision == "low"
    assert [event.t_off_s for event in verdict.events] == [pytest.approx(0.14, abs=1e-3)]


def test_what_no_label_explains_is_unknown(tmp_path: Path, tone_config: Config) -> None:
    path = tmp_path / "between.wav"
    soundfile.write(path, tone(6000.0, 2.0, 48_000), 48_000)
    assert classify(path, Hearing(tone_config, "test")).decision == "unknown"


@pytest.mark.parametrize(("background", "decision"), [("high", "low"), ("low", "unknown")])
def test_below_all_thresholds_the_likeliest_is_named_unless_it_is_background(
    tmp_path: Path, background: str, decision: str
) -> None:
    tone_bundle(tmp_path / "tones", background=(background,), threshold_on=(1.0, 1.0))
    path = tmp_path / "low.wav"
    soundfile.write(path, tone(440.0, 2.0, 48_000), 48_000)
    model = ModelChoice(name="tones", folders=(str(tmp_path),))
    verdict = classify(path, Hearing(Config(model=model), "test"))
    assert (verdict.decision, verdict.events) == (decision, ())


def test_events_are_told_in_the_order_of_their_onsets(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "tones", multi_label=True)
    both = tone(440.0, 3.0, 16_000)
    both[16_000:32_000] += tone(2000.0, 1.0, 16_000)
    soundfile.write(tmp_path / "both.wav", both, 16_000)
    model = ModelChoice(name="tones", folders=(str(tmp_path),))
    verdict = classify(tmp_path / "both.wav", Hearing(Config(model=model), "test"))
    assert [event.label for event in verdict.events] == ["low", "high"]
    assert verdict.events[0].t_off_s > verdict.events[1].t_off_s


def test_a_mask_names_the_strongest_of_its_labels(tmp_path: Path, tone_config: Config) -> None:
    path = tmp_path / "low.wav"
    soundfile.write(path, tone(440.0, 2.0, 48_000), 48_000)
    verdict = classify(path, Hearing(masked(tone_config, "high"), "test"), with_frames=True)
    assert (verdict.decision, verdict.events) == ("high", ())
    assert verdict.p["low"] > verdict.p["high"]
    assert verdict.frames is not None
    assert {frame.decision for frame in verdict.frames} == {"unknown"}


def test_of_a_mask_the_background_is_no_answer(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "tones", background=("low",))
    model = ModelChoice(name="tones", folders=(str(tmp_path),))
    path = tmp_path / "low.wav"
    soundfile.write(path, tone(440.0, 2.0, 48_000), 48_000)
    for mask, decision in ((("low", "high"), "high"), (("low",), "unknown")):
        hearing = Hearing(masked(Config(model=model), *mask), "test")
        assert classify(path, hearing).decision == decision


def test_what_was_heard_for_less_than_a_second_counts_less(
    tmp_path: Path, tone_config: Config
) -> None:
    path = tmp_path / "late.wav"
    sound = np.concatenate([silence(1.0, 16_000), tone(440.0, 1.5, 16_000)])
    soundfile.write(path, sound, 16_000)
    verdict = classify(path, Hearing(tone_config, "test"), with_frames=True)
    assert verdict.frames is not None
    p_low = np.array([frame.p["low"] for frame in verdict.frames])
    weights = np.r_[np.zeros(10), np.arange(0.1, 1.0, 0.1), np.ones(6)]
    assert verdict.p["low"] == pytest.approx(np.average(p_low, weights=weights), abs=1e-3)
    assert verdict.p["low"] > p_low[10:].mean()


def test_a_mask_with_an_unknown_label_is_refused(tone_config: Config) -> None:
    with pytest.raises(ConfigError, match="got harp; model tones has: low, high"):
        Hearing(masked(tone_config, "harp", "low"), "test")


@pytest.mark.parametrize("samples", [1, 100, 900, 2000])
def test_a_clip_shorter_than_the_window_is_judged_as_it_is(
    tmp_path: Path, tone_config: Config, samples: int
) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, tone(440.0, 1.0, 16_000, 0.9)[1 : samples + 1], 16_000)
    verdict = classify(path, Hearing(masked(tone_config, "low", "high"), "test"), with_frames=True)
    assert verdict.frames is not None
    assert len(verdict.frames) == -(-samples // 1600)
    assert verdict.decision == "low"


@pytest.mark.parametrize("channels", [1, 2, 32])
def test_channels_are_mixed(tmp_path: Path, tone_config: Config, channels: int) -> None:
    path = tmp_path / "many.wav"
    one = tone(440.0, 1.0, 48_000)
    soundfile.write(path, np.repeat(one[:, None], channels, axis=1), 48_000)
    assert classify(path, Hearing(tone_config, "test")).decision == "low"


def broken(kind: str, path: Path) -> None:
    match kind:
        case "missing":
            return
        case "empty":
            path.write_bytes(b"")
        case "noise":
            path.write_bytes(np.random.default_rng(1).bytes(5000))
        case "no samples":
            soundfile.write(path, np.zeros(0, np.float32), 48_000)
        case "nan":
            soundfile.write(path, np.full(9000, np.nan, np.float32), 48_000, subtype="FLOAT")
        case "33 channels":
            soundfile.write(path, np.zeros((100, 33), np.float32), 48_000)
        case "folder":
            path.mkdir()


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "noise", "no samples", "nan", "33 channels", "folder"]
)
def test_a_file_that_cannot_be_judged_gives_one_error_with_its_path(
    tmp_path: Path, tone_config: Config, kind: str
) -> None:
    path = tmp_path / "broken.wav"
    broken(kind, path)
    with pytest.raises(AudioFileError, match=r"broken\.wav: \w"):
        classify(path, Hearing(tone_config, "test"))
