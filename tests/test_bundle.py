import errno
import itertools
import json
import os
import resource
from mmap import ACCESS_READ, mmap
from pathlib import Path

import msgspec
import pytest
from tone_bundle import tone_bundle

from instrd.models.bundle import (
    MANIFEST,
    MAX_BUNDLE_BYTES,
    ONNX,
    find_bundle,
    list_bundles,
    read_bundle,
    write_bundle,
)
from instrd.models.errors import BundleError
from instrd.models.registry import load_classifier

HASH = "0" * 64


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
        ({"temperature": [0.0, 1.0]}, r">= 0\.001"),
        ({"bias": [0.0, 1e300]}, r"<= 1000"),
        ({"contrast": [0.5, 11.0]}, r"<= 10\.0"),
        ({"contrast": [0.5]}, "contrast has 1 values, there are 2 labels"),
        ({"contrast": [0.5, 0.5], "background_contrast": 1.1}, r"<= 1\.0"),
        ({"background_contrast": 0.5}, "a share of contrast, of which there is none"),
        ({"contrast": [0.5, 0.5], "multi_label": False}, "contrast is of labels that may sound at"),
        ({"window_frames": 10**9}, r"<= 10000"),
        ({"window_frames": 0}, r">= 1"),
        ({"front_end": {"fft": 10**9}}, r"<= 32768"),
        ({"front_end": {"bands": 512}, "window_frames": 9000}, "a window of more than"),
        ({"threshold_on": [0.1, 0.6]}, "threshold_off must not be above"),
        ({"background": ["other"]}, "background"),
        ({"kind": "magic"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"front_end": {"fmax_hz": 90_000.0}}, "Hz, allowed"),
        ({"files": {"../model.onnx": HASH, ONNX: HASH}}, "key.*files"),
        ({"files": {"/etc/passwd": HASH, ONNX: HASH}}, "key.*files"),
        ({"files": {"..": HASH, ONNX: HASH}}, "key.*files"),
        ({"files": {"": HASH, ONNX: HASH}}, "key.*files"),
        ({"files": {ONNX: "00"}}, "files"),
        ({"files": {f"file{n}": HASH for n in range(17)}}, "files"),
        ({"metrics": {"a": "x" * 2**20}}, "larger than the allowed 1048576 bytes"),
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


def test_a_manifest_that_is_a_link_or_a_pipe_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / MANIFEST).rename(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is not a file of the bundle"):
        read_bundle(folder)
    (folder / MANIFEST).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is not a file of the bundle"):
        read_bundle(folder)
    (folder / MANIFEST).unlink()
    os.mkfifo(folder / MANIFEST)
    with pytest.raises(BundleError, match="is not a file of the bundle"):
        read_bundle(folder)


def test_files_that_are_too_large_together_are_refused_before_they_are_read(folder: Path) -> None:
    with (folder / "weights.safetensors").open("wb") as large:
        large.truncate(MAX_BUNDLE_BYTES)
    files = json.loads((folder / MANIFEST).read_text())["files"]
    change(folder, files={**files, "weights.safetensors": HASH})
    with pytest.raises(BundleError, match="more than 268435456 bytes"):
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


def test_an_unknown_architecture_cannot_be_served_by_torch(folder: Path) -> None:
    with pytest.raises(BundleError, match="got architecture 'tone', allowed: causal_net"):
        load_classifier(read_bundle(folder), "cuda")


def test_whoever_serves_a_bundle_that_is_written_over_keeps_the_files_of_before(
    folder: Path,
) -> None:
    before = read_bundle(folder)
    with before.onnx.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as served:
        kept = served[:]
        after = write_bundle(folder, before.manifest, {ONNX: b"a shorter file"})
        assert served[:] == kept
    assert after.manifest.files[ONNX] != before.manifest.files[ONNX]


def test_a_bundle_that_finds_no_room_leaves_the_one_that_was_there(folder: Path) -> None:
    before = read_bundle(folder)
    files = {ONNX: b"small", "weights.safetensors": b"large" * 10_000}
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, allowed[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_bundle(folder, before.manifest, files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert read_bundle(folder) == before
    assert {path.name for path in folder.iterdir()} == {MANIFEST, ONNX}


@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_a_disk_that_tells_late_that_it_is_full_leaves_the_one_that_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    before, calls = read_bundle(folder), itertools.count(1)

    def full(_: int) -> None:
        if next(calls) == last:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    files = {ONNX: b"another", "weights": b"more"}
    with pytest.raises(OSError, match=f"No space left on device: '{folder}"):
        write_bundle(folder, before.manifest, files)
    assert read_bundle(folder) == before
    assert {file.name for file in folder.iterdir()} == {MANIFEST, ONNX}


def test_a_new_manifest_leaves_the_files_alone(folder: Path) -> None:
    before = read_bundle(folder)
    was = before.onnx.stat()
    told = msgspec.structs.replace(before.manifest, description="told anew")
    assert write_bundle(folder, told, {}).manifest == told
    assert before.onnx.stat() == was
