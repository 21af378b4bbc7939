"""A net that judges a sound by what is no number is refused, or ends the daemon in order."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from service_rig import RATE_HZ, Played, Rig
from sounds import two_tones
from tone_bundle import tone_bundle

from instrd.clients.protocol import Bye, Event, Frame
from instrd.daemon.config import Config, ModelChoice
from instrd.daemon.errors import InstrdError
from instrd.models.bundle import ONNX, Bundle, write_bundle
from instrd.models.errors import BundleError
from instrd.models.registry import load_classifier


def without_a_number(bundle: Bundle, shares: tuple[float, float], most: float) -> Bundle:
    """Have a net judge NaN where its logits, added up by `shares`, come to more than `most`."""
    model = onnx.load(bundle.onnx)
    graph = model.graph
    (judge,) = [node for node in graph.node if node.output[0] == "logits"]
    judge.output[0] = "sound"
    for name, values in {"shares": [[-share] for share in shares], "most": most, "nil": 0}.items():
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.float32), name))
    graph.node.extend(
        [
            helper.make_node("MatMul", ["sound", "shares"], ["less"]),
            helper.make_node("Add", ["less", "most"], ["left"]),
            helper.make_node("Sqrt", ["left"], ["root"]),
            helper.make_node("Mul", ["root", "nil"], ["nothing"]),
            helper.make_node("Add", ["sound", "nothing"], ["logits"]),
        ]
    )
    return write_bundle(bundle.folder, bundle.manifest, {ONNX: model.SerializeToString()})


@pytest.mark.parametrize("kind", ["causal", "window"])
@pytest.mark.parametrize("multi_label", [True, False])
def test_a_net_that_is_sound_in_silence_alone_is_refused(
    kind: str, tmp_path: Path, *, multi_label: bool
) -> None:
    bundle = tone_bundle(tmp_path / "deaf", kind, multi_label=multi_label)
    with pytest.raises(BundleError, match="deaf: its net judges a sound by numbers that are not"):
        load_classifier(without_a_number(bundle, (1.0, 1.0), most=0.0))


def test_set_model_refuses_it_and_the_old_model_goes_on(rig: Rig, tone_model: Path) -> None:
    without_a_number(tone_bundle(tone_model / "deaf"), (1.0, 1.0), most=0.0)
    with rig:
        with pytest.raises(InstrdError, match="numbers that are not finite"):
            rig.ask("set_model", model="deaf")
        assert rig.run(Played(two_tones(RATE_HZ))) == 0
    assert {m.model for m in rig.messages if isinstance(m, Frame)} == {"tones"}


@pytest.mark.parametrize("kind", ["causal", "window"])
def test_one_that_fails_at_a_sound_nobody_tried_ends_its_events_and_says_bye(
    kind: str, tmp_path: Path
) -> None:
    without_a_number(tone_bundle(tmp_path / "treble", kind), (-1.0, 1.0), most=15.0)
    rig = Rig(Config(model=ModelChoice(name="treble", folders=(str(tmp_path),))))
    with rig:
        assert rig.run(Played(two_tones(RATE_HZ))) == 1
    rig.check_events()
    offs = [m for m in rig.messages if isinstance(m, Event) and m.event == "off"]
    assert [off.label for off in offs] == ["low"]
    assert np.isfinite(offs[0].p_mean)
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    told = "model bundle treble: its net judges a sound by numbers that are not finite"
    assert (bye.exit_code, bye.reason) == (1, told)
