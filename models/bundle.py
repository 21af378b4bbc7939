"""A model as a folder: weights, ONNX file and a manifest that says what they are."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from instrd.models.errors import BundleError
from instrd.models.frontend import FrontEnd
from instrd.models.new_file import new_file

MANIFEST = "manifest.json"
ONNX = "model.onnx"
WEIGHTS = "weights.safetensors"
BUNDLED = Path(__file__).parent / "bundles"
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = 256 * 1024 * 1024
MOST_WINDOW_VALUES = 1 << 22
"""Frames times bands that a model may look back over: 16 MiB as float32."""

NAME = re.compile(r"[a-z0-9_-]{1,32}")
NAME_IN_WORDS = "1 to 32 of a to z, 0 to 9, _ and -"
Label = Annotated[str, Meta(pattern=rf"^{NAME.pattern}\Z", description=NAME_IN_WORDS)]
Vote = Literal["majority", "mean", "weighted"]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
FileName = Annotated[str, Meta(pattern=r"^[a-z0-9_]([a-z0-9_.-]{0,62}[a-z0-9_])?\Z")]
"""Never a path."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
FrameCount = Annotated[int, Meta(ge=0, le=10_000)]
Temperature = Annotated[float, Meta(ge=1e-3, le=1e3)]
Bias = Annotated[float, Meta(ge=-1e3, le=1e3)]
Contrast = Annotated[float, Meta(ge=0.0, le=10.0)]


class Credit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source of training data and the licence it came under."""

    source: str
    licence: str
    credit: str = ""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bundle that an ensemble is made of."""

    name: Label
    sha256: Sha256
    """Of its manifest, and through it of every file."""
    weight: Annotated[float, Meta(ge=0.0, le=1e6)] = 1.0
    """Its say in a weighted vote."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle holds, how to serve it, how good it is and what it was made from."""

    format: Literal[1] = 1
    name: Label
    description: str = ""
    kind: Literal["causal", "window", "ensemble"]
    """A causal net keeps state and judges every frame; a window net judges the newest window;
    an ensemble has no net: it joins what other bundles say."""
    architecture: str
    """The net's key in the registry, for serving by torch."""
    network: dict[str, Any] = {}
    """The net's own parameters."""
    labels: Annotated[tuple[Label, ...], Meta(max_length=512)]
    background: tuple[Label, ...] = ()
    """Labels that are not published as instruments: heard alone they mean `unknown`."""
    multi_label: bool = True
    """True: one sigmoid a label. False: one softmax over all."""
    front_end: FrontEnd
    window_frames: Annotated[int, Meta(ge=1, le=10_000)]
    """Frames that one judgement looks back over; of an ensemble, those of the member that looks
    back longest, whose front-end it names."""
    warm_up_frames: FrameCount | None = None
    """Frames after a (re)start before which nothing is named; None: as many as the kind needs."""
    onset_lag_frames: FrameCount = 0
    """Frames between the start of a sound and the judgement that first shows it."""
    temperature: tuple[Temperature, ...]
    """Per label: calibrated p = sigmoid(logit / temperature + bias)."""
    bias: tuple[Bias, ...]
    contrast: tuple[Contrast, ...] = ()
    """Per label: log-odds that a surer one takes from it (models/contrast.py); empty: none."""
    background_contrast: Probability = 0.0
    """Share of `contrast` that background takes."""
    threshold_on: tuple[Probability, ...]
    threshold_off: tuple[Probability, ...]
    members: Annotated[tuple[Member, ...], Meta(max_length=32)] = ()
    """Of an ensemble: what it is made of."""
    vote: Vote | None = None
    """How an ensemble joins its members' probabilities; a majority counts likeliest labels."""
    metrics: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    licence: str = "MIT"
    credits: tuple[Credit, ...] = ()
    files: Annotated[dict[FileName, Sha256], Meta(max_length=16)] = {}
    """File name -> SHA-256, hex."""

    def __post_init__(self) -> None:
        per_label = ["temperature", "bias", "threshold_on", "threshold_off"]
        for field in [*per_label, "contrast"] if self.contrast else per_label:
            if (got := len(getattr(self, field))) != len(self.labels):
                raise ValueError(f"{field} has {got} values, there are {len(self.labels)} labels")
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise ValueError("labels must be one or more, each once")
        if not set(self.background) <= set(self.labels):
            raise ValueError("background names a label that is not in labels")
        if self.window_frames * self.front_end.width > MOST_WINDOW_VALUES:
            raise ValueError(f"a window of more than {MOST_WINDOW_VALUES} values")
        if any(off > on for on, off in zip(self.threshold_on, self.threshold_off, strict=True)):
            raise ValueError("threshold_off must not be above threshold_on")
        if self.background_contrast and not self.contrast:
            raise ValueError("background_contrast is a share of contrast, of which there is none")
        if self.contrast and not self.multi_label:
            raise ValueError("contrast is of labels that may sound at once (multi_label)")
        self._check_members()

    @property
    def window_samples(self) -> int:
        """Samples at the model's rate that one judgement looks back over."""
        return (self.window_frames - 1) * self.front_end.hop + self.front_end.fft

    @property
    def window_s(self) -> float:
        """Seconds that one judgement looks back over."""
        return self.window_samples / self.front_end.rate_hz

    def _check_members(self) -> None:
        is_ensemble = self.kind == "ensemble"
        if is_ensemble != bool(self.members) or is_ensemble != (self.vote is not None):
            raise ValueError("an ensemble has members and a vote, no other kind has them")
        if len({member.name for member in self.members}) != len(self.members):
            raise ValueError("members must be named once each")
        if self.vote == "weighted" and not any(member.weight for member in self.members):
            raise ValueError("a weighted vote needs a member whose weight is above 0")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are all there with the hashes of its manifest."""

    folder: Path
    manifest: Manifest
    sha256: str
    """Of the manifest, and through it of every file."""

    @property
    def onnx(self) -> Path:
        return self.folder / ONNX

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS


def read_bundle(folder: Path) -> Bundle:
    """Check a bundle folder and return it; raises `BundleError`."""
    try:
        content = _content(folder / MANIFEST)
        manifest = msgspec.json.decode(content, type=Manifest)
    except OSError as error:
        raise BundleError(folder, f"{MANIFEST} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(folder, f"{MANIFEST}: {error}") from error
    if ONNX not in manifest.files and manifest.kind != "ensemble":
        raise BundleError(folder, f"{MANIFEST} lists no {ONNX}")
    _check_files(folder, manifest)
    return Bundle(folder, manifest, hashlib.sha256(content).hexdigest())


def write_bundle(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """Write files and manifest (with their hashes) and read them back; raises `BundleError`.

    Files that the manifest lists already stay as they are where they are not given. What serves
    the bundle has its files mapped into memory, so none is written over; and they get to their
    places together, the manifest last, once all of them are whole.
    """
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    complete = msgspec.structs.replace(manifest, files=manifest.files | hashes)
    encoded = msgspec.json.format(msgspec.json.encode(complete), indent=1) + b"\n"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as together:  # which lets go of what it took first last
        for name, content in ((MANIFEST, encoded), *files.items()):
            file = together.enter_context(new_file(folder / name))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a full disk is told here, before any is in its place
    return read_bundle(folder)


def find_bundle(name: str, folders: Iterable[Path] = ()) -> Bundle:
    """Return the bundle of that name from `folders`, else from those that came along."""
    bundles = list_bundles(folders)
    if name not in bundles:
        told = name if NAME.fullmatch(name) else repr(name[:60])
        raise BundleError(told, f"is not there; there are: {', '.join(bundles) or 'none'}")
    bundle = read_bundle(bundles[name])
    if bundle.manifest.name != name:
        raise BundleError(bundle.folder, f"calls itself {bundle.manifest.name}, allowed: {name}")
    return bundle


def list_bundles(folders: Iterable[Path] = ()) -> dict[str, Path]:
    """Name -> folder of every bundle found; the first folder that has a name wins.

    What is no name of a bundle cannot be chosen and is passed over.
    """
    found: dict[str, Path] = {}
    for folder in (*folders, BUNDLED):
        for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
            if NAME.fullmatch(manifest.parent.name):
                found.setdefault(manifest.parent.name, manifest.parent)
    return found


def _content(path: Path) -> bytes:
    """Return a manifest; raises OSError, or ValueError for what cannot be one."""
    if path.is_symlink() or not path.is_file():
        raise ValueError("is not a file of the bundle")
    with path.open("rb") as file:
        content = file.read(MAX_MANIFEST_BYTES + 1)
    if len(content) > MAX_MANIFEST_BYTES:
        raise ValueError(f"is larger than the allowed {MAX_MANIFEST_BYTES} bytes")
    return content


def _check_files(folder: Path, manifest: Manifest) -> None:
    left_bytes = MAX_BUNDLE_BYTES
    for name, expected in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise BundleError(folder, f"{name} is not a file of the bundle")
        left_bytes -= path.stat().st_size
        if left_bytes < 0:
            raise BundleError(folder, f"its files have more than {MAX_BUNDLE_BYTES} bytes")
        try:
            with path.open("rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(folder, f"{name} cannot be read: {error.strerror}") from error
        if got != expected:
            told = f"{name} is not the file that was made: SHA-256 {got[:12]}..."
            raise BundleError(folder, told)
