"""Model bundles broken at random, with hashes that are right all the same."""

import hashlib
import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from instrd.models.bundle import MANIFEST, ONNX

ODD: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 0.5, 1e-9, 1e9, 1e308, 2**63, 10**400, "", "x", "x" * 5000, "../tones"),
    *(
        "causal",
        "window",
        "ensemble",
        [],
        {},
        [0],
        [0.0, 0.0],
        [[]],
        ["low"],
        {"a": 1},
        "/etc/passwd",
    ),
)
WORDS = (
    *(b"MatMul", b"Concat", b"Expand", b"Gather", b"Resize", b"Add", b"Mul", b"Div", b"Pow"),
    *(b"Sub", b"Max", b"Erf", b"Slice", b"Split", b"Shape", b"Loop", b"Scan", b"Sqrt", b"Relu"),
    *(b"state", b"zero", b"half", b"mean", b"last", b"frames", b"logits", b"weight", b"scores"),
)
NUMBERS = (0, 1, 2, 5, 0x7F, 0x80, 0xFF)


def broken_bundle(rng: Random, good: Path, folder: Path) -> Path:
    """Copy a good bundle to `folder`, break it and return its folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
    content = (folder / ONNX).read_bytes()
    manifest = json.loads((folder / MANIFEST).read_text())
    where = rng.randrange(3)
    if where:
        content = rng.choice(FAULTS)(rng, content)
        (folder / ONNX).write_bytes(content)
    manifest["files"] = {ONNX: hashlib.sha256(content).hexdigest()}
    if where == 0:
        for _ in range(rng.choice((1, 1, 3))):
            change_anything(rng, manifest)
    encoded = json.dumps(manifest).encode()
    if where == 0 and rng.random() < 0.3:
        encoded = rng.choice(FAULTS)(rng, encoded)
    (folder / MANIFEST).write_bytes(encoded)
    return folder


def change_anything(rng: Random, manifest: dict[str, Any]) -> None:
    """Change a setting, or one of a table or list within."""
    name = rng.choice(sorted(manifest))
    inner = manifest[name]
    if isinstance(inner, dict) and inner and rng.random() < 0.7:
        inner[rng.choice((*sorted(inner), "surprise", "../x"))] = deepcopy(rng.choice(ODD))
    elif isinstance(inner, list) and inner and rng.random() < 0.7:
        inner[rng.randrange(len(inner))] = deepcopy(rng.choice(ODD))
    elif rng.random() < 0.2:
        del manifest[name]
    else:
        manifest[name] = deepcopy(rng.choice(ODD))


def flipped(rng: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def odd_bytes(rng: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2))):
        changed[rng.randrange(len(changed))] = rng.choice(NUMBERS)
    return bytes(changed)


def cut_off(rng: Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def without_a_piece(rng: Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[at + rng.choice((1, 2, 8, 50)) :]


def with_noise(rng: Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return (
        content[:at]
        + bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 8))))
        + content[at:]
    )


def another_word(rng: Random, content: bytes) -> bytes:
    """Put one name in place of another of the same length, which keeps the structure whole."""
    there = [word for word in WORDS if word in content]
    if not there:
        return content
    old = rng.choice(there)
    new = rng.choice([word for word in WORDS if len(word) == len(old)])
    return content.replace(old, new, rng.choice((-1, 1)))


FAULTS: tuple[Callable[[Random, bytes], bytes], ...] = (
    flipped,
    flipped,
    odd_bytes,
    odd_bytes,
    another_word,
    another_word,
    cut_off,
    without_a_piece,
    with_noise,
)
