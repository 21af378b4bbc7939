"""A net is looked at before it runs, whoever made it and whatever its hash."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from fuzz_bundle import target
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tone_bundle import tone_bundle

from instrd.models import netcheck
from instrd.models.bundle import BUNDLED, ONNX, Bundle, list_bundles, read_bundle, write_bundle
from instrd.models.errors import BundleError
from instrd.models.netcheck import check_net
from instrd.models.onnxfile import read_graph
from instrd.models.protobuf import BrokenMessageError

Change = Callable[[onnx.ModelProto], object]


def weight(model: onnx.ModelProto) -> Any:
    (found,) = [one for one in model.graph.initializer if one.name == "weight"]
    return found


def add_node(model: onnx.ModelProto, kind: str, domain: str = "") -> None:
    model.graph.node.append(helper.make_node(kind, ["logits"], ["unused"], domain=domain))


def add_function(model: onnx.ModelProto) -> None:
    opsets = [helper.make_opsetid("", 17)]
    node = helper.make_node("Add", ["a", "a"], ["b"])
    model.functions.append(helper.make_function("ours", "Add", ["a"], ["b"], [node], opsets))


def add_branch(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Add", ["a"], ["b"], then_branch=body))


def set_weight(model: onnx.ModelProto, number: float) -> None:
    values = numpy_helper.to_array(weight(model)).copy()
    values[3, 1] = number
    weight(model).raw_data = values.tobytes()


def shorten_weight(model: onnx.ModelProto) -> None:
    weight(model).raw_data = weight(model).raw_data[:-4]


def split_weight(model: onnx.ModelProto) -> None:
    values = numpy_helper.to_array(weight(model))
    weight(model).ClearField("raw_data")
    weight(model).float_data.extend(values.ravel())


def give_another_name(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "scores"


def give_one_label_more(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value = 3


def take_whole_numbers(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda model: add_node(model, "Loop"), "got operator 'Loop', allowed are Abs"),
        (lambda model: add_node(model, "Add", "com.microsoft"), "'com.microsoft.Add'"),
        (lambda model: model.opset_import.add(domain="evil", version=1), "of domain 'evil'"),
        (add_function, "got field 25"),
        (add_branch, "got field 6"),
        (lambda model: set_weight(model, np.nan), "'weight' holds numbers that are not finite"),
        (lambda model: set_weight(model, np.inf), "'weight' holds numbers that are not finite"),
        (shorten_weight, r"'weight' has 316 bytes, its shape \(40, 2\) 320"),
        (split_weight, r"got field 4"),
        (give_another_name, r"gives \['scores'\], allowed \['logits'\]"),
        (give_one_label_more, r"logits is \(any, 3\) of type 1, allowed \(any, 2\)"),
        (take_whole_numbers, r"frames is \(any, any, 40\) of type 7"),
    ],
)
def test_a_net_that_is_not_plain_or_not_of_its_manifest_is_refused(
    change: Change, told: str, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=told):
        check_net(changed(tone_bundle(tmp_path / "tones", "window"), change))


def changed(bundle: Bundle, change: Change) -> Bundle:
    model = onnx.load(bundle.onnx)
    change(model)
    return write_bundle(bundle.folder, bundle.manifest, {ONNX: model.SerializeToString()})


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"location": "../secret"}, "lies outside its bundle"),
        ({"location": "/etc/passwd"}, "lies outside its bundle"),
        ({"location": "model.onnx"}, "lies outside its bundle"),
        ({"location": "weights.safetensors"}, "lies outside its bundle"),
        ({"location": "weights.bin", "offset": "-4"}, "allowed a whole number"),
        ({"location": "weights.bin", "offset": "4"}, "the file has 320 bytes"),
        ({"location": "weights.bin", "length": "9" * 15}, "the file has 320 bytes"),
        ({"location": "weights.bin", "length": "316"}, "has 316 bytes"),
        ({"location": "weights.bin", "checksum": "0"}, "lies outside its bundle"),
    ],
)
def test_weights_come_from_within_the_bundle(
    place: dict[str, str], told: str, tmp_path: Path
) -> None:
    bundle = tone_bundle(tmp_path / "tones", "window")
    model = onnx.load(bundle.onnx)
    content = weight(model).raw_data
    weight(model).ClearField("raw_data")
    weight(model).data_location = onnx.TensorProto.EXTERNAL
    for key, value in ({"offset": "0", "length": "320"} | place).items():
        weight(model).external_data.add(key=key, value=value)
    (tmp_path / "secret").write_bytes(content)
    files = {ONNX: model.SerializeToString(), "weights.bin": content}
    with pytest.raises(BundleError, match=told):
        check_net(write_bundle(bundle.folder, bundle.manifest, files))


def test_tensors_that_share_a_place_count_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def share(model: onnx.ModelProto) -> None:
        for number in range(3):
            again = model.graph.initializer.add()
            again.CopyFrom(weight(model))
            again.name = f"again{number}"

    monkeypatch.setattr(netcheck, "MAX_BUNDLE_BYTES", 3 * 320)
    with pytest.raises(BundleError, match="its tensors have more than the allowed 960 bytes"):
        check_net(changed(tone_bundle(tmp_path / "tones", "window"), share))


def test_a_net_with_other_inputs_than_its_kind_is_refused(tmp_path: Path) -> None:
    bundle = tone_bundle(tmp_path / "tones")
    window = msgspec.structs.replace(bundle.manifest, kind="window")
    with pytest.raises(BundleError, match=r"takes \['frames', 'state'\], allowed \['frames'\]"):
        check_net(Bundle(bundle.folder, window, bundle.sha256))


def test_a_state_without_a_fixed_size_is_refused(tmp_path: Path) -> None:
    def free(model: onnx.ModelProto) -> None:
        model.graph.input[1].type.tensor_type.shape.dim[1].dim_param = "S"

    with pytest.raises(BundleError, match="a state of fixed size"):
        check_net(changed(tone_bundle(tmp_path / "tones"), free))


@pytest.mark.parametrize("name", list_bundles())
def test_every_bundle_that_comes_along_passes(name: str) -> None:
    bundle = read_bundle(BUNDLED / name)
    if bundle.manifest.kind != "ensemble":
        check_net(bundle)


def test_a_field_that_stands_twice_is_refused() -> None:
    with pytest.raises(BrokenMessageError, match="ir_version stands twice"):
        read_graph(memoryview(b"\x08\x08\x08\x07"))


def within(number: int, content: bytes) -> bytes:
    """Return `content` as the field of that number, of a message around it."""
    size, length = [], len(content)
    while length >= 0x80:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + content


EMPTY_NODES = within(7, 4_000_000 * within(1, b""))
NODES_A_FEW_TOO_MANY = within(7, 20_001 * within(1, b""))
EMPTY_ATTRIBUTES = within(7, 20 * within(1, 50_000 * within(5, b"")))
EMPTY_SHAPES = within(7, 20 * within(5, 50_000 * within(1, b"")))
PACKED_NUMBERS = within(7, within(5, within(1, 8_000_000 * b"\x01")))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (EMPTY_NODES, "more than the allowed 524288 fields"),
        (NODES_A_FEW_TOO_MANY, "got 20001 nodes, allowed 20000"),
        (EMPTY_ATTRIBUTES, "more than the allowed 524288 fields"),
        (EMPTY_SHAPES, "more than the allowed 524288 fields"),
        (PACKED_NUMBERS, "more than the allowed 524288 fields"),
    ],
)
def test_a_file_of_nothing_but_fields_is_refused_before_all_are_read(
    content: bytes, told: str
) -> None:
    with pytest.raises(BrokenMessageError, match=told):
        read_graph(memoryview(content))


@given(content=st.binary(max_size=200))
def test_bytes_are_a_graph_or_no_message(content: bytes) -> None:
    try:
        read_graph(memoryview(content))
    except BrokenMessageError as error:
        assert str(error)  # noqa: PT017 - most are refused, a few are empty graphs


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Random], str]]:
    with target(tmp_path_factory.mktemp("bundles")) as take:
        yield take


@settings(max_examples=100, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_whatever_a_bundle_holds_it_is_served_or_refused(
    rng: Random, serve: Callable[[Random], str]
) -> None:
    serve(rng)
