"""The four folders import only downwards, and no file or function outgrows a reader."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "models": {"models"},
    "clients": {"clients"},
    "training": {"training", "models"},
    "daemon": {"daemon", "models", "clients"},
}
LEARNING = {"torch", "torchaudio", "torchvision", "librosa", "sklearn"}
HEAVY = {*LEARNING, "numpy", "sounddevice", "soundfile", "onnxruntime"}
TRAINING = (
    *("folders", "audit", "stems", "teachers"),
    *("mixtures", "clips", "reproduction", "commands"),
)
"""Packages of training: each may import those before it, and the files beside them."""
ABOVE_ALL = {"__main__.py", "cli.py", "entry.py"}
MOST_LINES = 250
MOST_LINES_OF_A_FUNCTION = 50

FILES = [file for folder in MAY_IMPORT for file in sorted((ROOT / folder).rglob("*.py"))]


def imported(text: str) -> Iterator[str]:
    """Yield every module that a source text imports, inside functions and type checks too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(file: Path, text: str) -> list[str]:
    """Return the imports that this file, a path below the root, must not have."""
    folder = file.parts[0]
    banned = set(MAY_IMPORT)  # our folders under their bare names
    if folder == "clients":
        banned |= HEAVY
    is_torch_file = file.match("models/nets/*.py") or file.match("models/torch_*.py")
    is_torch_file = is_torch_file or file == Path("models/cpu_builds.py")
    if folder in {"models", "daemon"} and not is_torch_file:
        banned |= LEARNING
    found = []
    for module in imported(text):
        package, _, rest = module.partition(".")
        wrong = rest.split(".")[0] not in MAY_IMPORT[folder] if package == "instrd" else False
        if wrong or package in banned or not package:
            found.append(module)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_only_what_its_folder_may(file: Path) -> None:
    assert forbidden(file.relative_to(ROOT), file.read_text()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_and_its_functions_can_be_read_at_a_glance(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("package", ["", *TRAINING])
def test_packages_of_training_import_those_before_them_only(package: str) -> None:
    below = TRAINING[: TRAINING.index(package) + 1] if package else ()
    for file in sorted((ROOT / "training" / package).glob("*.py")):
        if package or file.name not in ABOVE_ALL:
            parts = [module.split(".") for module in imported(file.read_text())]
            used = {part[2] for part in parts if part[:2] == ["instrd", "training"]}
            assert used & set(TRAINING) <= set(below), file


def test_every_folder_is_looked_at() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in FILES} == set(MAY_IMPORT)
    assert {file.parent.name for file in (ROOT / "training").glob("*/*.py")} == set(TRAINING)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/mel.py", "from instrd.daemon.ring import Ring"),
        ("models/mel.py", "from instrd import clients"),
        ("models/mel.py", "def f():\n    import torch.nn"),
        ("models/mel.py", "from . import ring"),
        ("daemon/ring.py", "import instrd.training.mixtures.fit"),
        ("daemon/torch_ring.py", "import torch"),
        ("daemon/ring.py", "from sklearn.svm import SVC"),
        ("training/mixtures/fit.py", "from instrd.daemon import config"),
        ("clients/tail.py", "from instrd.models.bundle import Bundle"),
        ("clients/tail.py", "import numpy as np"),
        ("clients/tail.py", "from models import mel"),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(file: str, text: str) -> None:
    assert forbidden(Path(file), text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/torch_net.py", "import torch"),
        ("models/nets/causal_net.py", "from torch import nn"),
        ("training/mixtures/fit.py", "import torch\nfrom instrd.models.mel import bank"),
        ("daemon/ring.py", "import numpy\nfrom instrd.clients import protocol"),
        ("clients/tail.py", "from instrd.clients.codec import decode"),
    ],
)
def test_an_import_in_the_right_direction_is_not_found(file: str, text: str) -> None:
    assert forbidden(Path(file), text) == []
