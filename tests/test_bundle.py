import json
from pathlib import Path

import onnx
import pytest
from tone_bundle import tone_bundle

from instrd.models.bundle import (
    MANIFEST,
    ONNX,
    find_bundle,
    list_bundles,
    read_bundle,
    write_bundle,
)
from instrd.models.errors import BundleError
from instrd.models.registry import load_classifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tone_bundle(tmp_path / "tones")
    return tmp_path / "tones"


def change(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_a_bundle_is_read_as_it_was_written(folder: Path) -> None:
    bundle = read_bundle(folder)
    assert bundle.manifest.labels == ("low", "high")
    assert set(bundle.manifest.files) == {ONNX}
    assert len(bundle.sha256) == 64


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels": []}, "temperature has 2 values"),
        ({"labels": ["low", "low"]}, "each once"),
        ({"temperature": [1.0]}, "temperature has 1 values, there are 2 labels"),
        ({"temperature": [0.0, 1.0]}, "above 0"),
        ({"threshold_on": [0.1, 0.6]}, "threshold_off must not be above"),
        ({"background": ["other"]}, "background"),
        ({"kind": "magic"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"front_end": {"fmax_hz": 90_000.0}}, "Hz, allowed"),
        ({"files": {"../model.onnx": "00", ONNX: "00"}}, "not a file of the bundle"),
        ({"files": {}}, "lists no model.onnx"),
        ({"format": 2}, "format"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_reason(
    folder: Path, changes: dict[str, object], told: str
) -> None:
    change(folder, **changes)
    with pytest.raises(BundleError, match=told) as caught:
        read_bundle(folder)
    assert str(folder) in str(caught.value)


def test_a_changed_file_is_refused(folder: Path) -> None:
    content = bytearray((folder / ONNX).read_bytes())
    content[100] ^= 1
    (folder / ONNX).write_bytes(content)
    with pytest.raises(BundleError, match="not the file that was made"):
        read_bundle(folder)


def test_a_missing_file_and_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / ONNX).rename(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="not a file of the bundle"):
        read_bundle(folder)
    (folder / ONNX).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="not a file of the bundle"):
        read_bundle(folder)


def test_a_manifest_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    with pytest.raises(BundleError, match=MANIFEST):
        read_bundle(folder)


def test_an_unknown_name_is_refused_with_those_that_are_there(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"there are: .*tones"):
        find_bundle("tone", [folder.parent])
    assert find_bundle("tones", [folder.parent]).folder == folder
    assert list_bundles([folder.parent])["tones"] == folder


def test_a_net_with_other_inputs_than_its_kind_is_refused(folder: Path) -> None:
    change(folder, kind="window")
    with pytest.raises(BundleError, match=r"takes \['frames', 'state'\]"):
        load_classifier(read_bundle(folder))


def test_an_unknown_architecture_cannot_be_served_by_torch(folder: Path) -> None:
    with pytest.raises(BundleError, match="got architecture 'tone', allowed: causal_net"):
        load_classifier(read_bundle(folder), "cuda")


@pytest.mark.parametrize("absolute", [False, True])
def test_a_net_that_reads_weights_outside_its_bundle_is_refused(
    absolute: bool, tmp_path: Path
) -> None:
    bundle = tone_bundle(tmp_path / "tones", "window")
    model = onnx.load(bundle.onnx)
    (weight,) = [one for one in model.graph.initializer if one.name == "weight"]
    secret = tmp_path / "secret"
    secret.write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=str(secret) if absolute else "../secret")
    escaped = write_bundle(bundle.folder, bundle.manifest, {ONNX: model.SerializeToString()})
    with pytest.raises(BundleError, match="ONNX Runtime refuses it"):
        load_classifier(escaped)
