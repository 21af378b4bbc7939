"""Gather recordings that no net of ours ever heard into a pool.

    python benchmarks/gather_recordings.py FOLDER
    python benchmarks/compare_peers.py --data FOLDER --all

    python benchmarks/gather_recordings.py OTHER --list benchmarks/background.toml
    python benchmarks/false_alarms.py OTHER/*

A list says which packages of Debian 12 and PyPI hold them and what they are: by default
gather_recordings.toml, of instruments. Needs apt-get, dpkg-deb and a network. With music.toml it
gathers what base heard of other people's recordings while it learned, for a bank of one's own:

    python benchmarks/gather_recordings.py THIRD --list training/music.toml
    instrd-train teach THIRD/music/* --teacher TEACHERFOLDER --out BANK
"""

import argparse
import csv
import struct
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from instrd.models.audiofile import read_audio
from instrd.models.errors import AudioFileError
from instrd.training.folders.pool import MANIFEST, Clip

PACKAGES = Path(__file__).with_suffix(".toml")
_MAGIC = b"qres"
_FOLDER, _DEFLATED = 2, 1


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where recordings come from; `files` are patterns below its root, by label."""

    name: str
    kind: Literal["debian", "pypi"]
    files: dict[str, list[str]]
    version: str = ""
    resources: list[str] = []
    """Files that hold further files: ZIP archives by their suffix, Qt resources otherwise."""


def fetch(package: Package, folder: Path) -> None:
    """Download and unpack a package into an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        if package.kind == "debian":
            subprocess.run(["apt-get", "download", "-q", package.name], cwd=place, check=True)
            (archive,) = Path(place).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        else:
            wanted = f"{package.name}=={package.version}"
            pip = [sys.executable, "-m", "pip", "download", "--no-deps"]
            subprocess.run([*pip, "--no-binary", package.name, "-d", place, wanted], check=True)
            (archive,) = Path(place).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
    for name in package.resources:
        unpack(folder / name, folder / "resources")


def unpack(resource: Path, folder: Path) -> None:
    """Write what a resource of a package holds below a folder."""
    if resource.suffix == ".zip":
        with zipfile.ZipFile(resource) as archive:
            archive.extractall(folder)
    else:
        unpack_resources(resource.read_bytes(), folder)


def unpack_resources(packed: bytes, folder: Path) -> None:
    """Write the files of a Qt resource file (.rcc, format 2 or 3) below a folder."""
    for path, content in _walk(packed, 0, Path()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _walk(packed: bytes, node: int, parent: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files below a node: offset of its name, flags, then children or data."""
    if packed[:4] != _MAGIC:
        raise ValueError(f"a Qt resource file begins with {_MAGIC!r}, not with {packed[:4]!r}")
    tree, data, names = struct.unpack_from(">III", packed, 8)
    name_at, flags, first, second = struct.unpack_from(">IHII", packed, tree + 22 * node)
    (length,) = struct.unpack_from(">H", packed, names + name_at)
    begin = names + name_at + 6
    path = parent / packed[begin : begin + 2 * length].decode("utf-16-be") if node else parent
    if flags & _FOLDER:
        for child in range(second, second + first):
            yield from _walk(packed, child, path)
        return
    (size,) = struct.unpack_from(">I", packed, data + second)
    content = packed[data + second + 4 : data + second + 4 + size]
    # Zstandard, the only other way, packs no sounds; if it did, their pattern would find nothing.
    if flags in {0, _DEFLATED}:
        yield path, zlib.decompress(content[4:]) if flags else content


def gather(package: Package, root: Path, folder: Path) -> Iterator[Clip]:
    """Copy what a package's patterns find below its root, and yield it; each must find some."""
    for label, patterns in package.files.items():
        for pattern in patterns:
            found = sorted(root.glob(pattern))
            if not found:
                raise FileNotFoundError(f"{package.name} has no {pattern}")
            for file in found:
                path = Path(label, package.name, file.relative_to(root))
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(file.read_bytes())
                try:
                    samples, rate_hz = read_audio(folder / path)
                except AudioFileError as error:
                    print(f"left out: {error}")
                    continue
                seconds = round(len(samples) / rate_hz, 2)
                original = str(file.relative_to(root))
                yield Clip(
                    path=str(path),
                    label=label,
                    source=package.name,
                    original=original,
                    licence="as its package says",
                    credit=package.name,
                    kind="recording",
                    seconds=seconds,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--list", type=Path, default=PACKAGES)
    chosen = parser.parse_args()
    told = tomllib.loads(chosen.list.read_text(encoding="utf-8"))
    clips: list[Clip] = []
    for package in msgspec.convert(told["package"], list[Package]):
        with tempfile.TemporaryDirectory() as place:
            fetch(package, Path(place))
            clips += gather(package, Path(place), chosen.folder)
    with (chosen.folder / MANIFEST).open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, Clip.__struct_fields__)
        writer.writeheader()
        writer.writerows(msgspec.structs.asdict(clip) for clip in clips)
    print(f"{len(clips)} recordings, {sum(clip.seconds for clip in clips) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
