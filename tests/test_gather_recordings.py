"""Recordings of other people's packages become a pool that the comparison with peers reads."""

import struct
import tomllib
import zipfile
import zlib
from pathlib import Path

import msgspec
import pytest
import soundfile
from gather_recordings import PACKAGES, Package, gather, unpack, unpack_resources
from sounds import tone

from instrd.models.bundle import read_bundle

ROOT = Path(__file__).parents[1]
BASE = ROOT / "models" / "bundles" / "base"


def packed(files: dict[str, bytes], *, deflated: bool) -> bytes:
    """Return a Qt resource file, format 3: a folder `sounds` with these files."""
    names, data, nodes = bytearray(), bytearray(), []

    def named(name: str) -> int:
        at = len(names)
        names.extend(struct.pack(">HI", len(name), 0) + name.encode("utf-16-be"))
        return at

    nodes.append(struct.pack(">IHIIQ", named(""), 2, 1, 1, 0))
    nodes.append(struct.pack(">IHIIQ", named("sounds"), 2, len(files), 2, 0))
    for name, content in files.items():
        stored = struct.pack(">I", len(content)) + zlib.compress(content) if deflated else content
        flags = 1 if deflated else 0
        nodes.append(struct.pack(">IHIIQ", named(name), flags, 0, len(data), 0))
        data.extend(struct.pack(">I", len(stored)) + stored)
    tree = 24 + len(data) + len(names)
    head = b"qres" + struct.pack(">IIIII", 3, tree, 24, 24 + len(data), 0)
    return head + bytes(data + names) + b"".join(nodes)


@pytest.mark.parametrize("deflated", [False, True])
def test_files_come_out_of_qt_resources_as_they_went_in(tmp_path: Path, *, deflated: bool) -> None:
    unpack_resources(packed({"a.ogg": b"first", "b.ogg": b"second"}, deflated=deflated), tmp_path)
    assert (tmp_path / "sounds" / "a.ogg").read_bytes() == b"first"
    assert (tmp_path / "sounds" / "b.ogg").read_bytes() == b"second"


def test_what_is_no_resource_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="begins with b'qres', not with b'RIFF'"):
        unpack_resources(b"RIFF" + bytes(40), tmp_path)


def test_a_package_gives_what_its_patterns_find_and_tells_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, pool = tmp_path / "root", tmp_path / "pool"
    (root / "share").mkdir(parents=True)
    soundfile.write(root / "share" / "flute1.wav", tone(440.0, 0.5, 16_000), 16_000)
    (root / "share" / "flute2.wav").write_bytes(b"no sound")
    clips = list(gather(Package("toys", "debian", {"flute": ["**/flute*.wav"]}), root, pool))
    assert [(c.path, c.label, c.source, c.seconds) for c in clips] == [
        ("flute/toys/share/flute1.wav", "flute", "toys", 0.5)
    ]
    assert (pool / clips[0].path).read_bytes() == (root / "share" / "flute1.wav").read_bytes()
    assert "left out" in capsys.readouterr().out


def test_a_pattern_that_finds_nothing_is_an_error(tmp_path: Path) -> None:
    package = Package("toys", "debian", {"flute": ["**/flute*.wav"]})
    with pytest.raises(FileNotFoundError, match=r"toys has no \*\*/flute\*\.wav"):
        list(gather(package, tmp_path, tmp_path / "pool"))


@pytest.mark.parametrize("name", ["sounds.zip", "sounds.rcc"])
def test_a_resource_is_unpacked_by_its_kind(tmp_path: Path, name: str) -> None:
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("sounds/a.ogg", b"first")
    else:
        (tmp_path / name).write_bytes(packed({"a.ogg": b"first"}, deflated=True))
    unpack(tmp_path / name, tmp_path / "resources")
    assert (tmp_path / "resources" / "sounds" / "a.ogg").read_bytes() == b"first"


def packages_of(path: Path) -> list[Package]:
    return msgspec.convert(tomllib.loads(path.read_text())["package"], list[Package])


def test_the_list_of_instruments_names_the_labels_of_base() -> None:
    labels = {label for package in packages_of(PACKAGES) for label in package.files}
    assert labels == set(read_bundle(BASE).manifest.labels)


@pytest.mark.parametrize("path", sorted(PACKAGES.parent.glob("*.toml")), ids=lambda p: p.stem)
def test_base_never_heard_the_packages_of_a_list(path: Path) -> None:
    heard = {credit.source for credit in read_bundle(BASE).manifest.credits}
    assert not {package.name for package in packages_of(path)} & heard


def test_the_list_for_the_teachers_names_what_base_credits_to_them() -> None:
    credits_ = read_bundle(BASE).manifest.credits
    taught = {credit.source for credit in credits_ if "teacher gave its opinion" in credit.credit}
    listed = {package.name for package in packages_of(ROOT / "training" / "music.toml")}
    assert listed == taught
