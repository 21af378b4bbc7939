"""Lets torchvision be imported beside a CPU build of torch.

Its PyPI wheel is linked against CUDA. Beside a CPU-only torch, `import torchvision` raises
`operator torchvision::nms does not exist`. What we use of it (models) is pure Python and works
once the missing operators have stand-ins. Beside a matching build this does nothing.
"""

import importlib.util
import sys
from ctypes import CDLL
from pathlib import Path

import torch

_libraries: list[torch.library.Library] = []
"""A torch library lives as long as somebody holds it."""


def allow_cpu_builds() -> None:
    """Prepare the import of torchvision; harmless to call twice."""
    if "torchvision" not in sys.modules and not loads("torchvision", "_C*.so"):
        _define_torchvision_operators()


def loads(package: str, pattern: str) -> bool:
    """Say whether the package's compiled part can be loaded, without importing the package."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return True
    libraries = sorted(Path(found.origin).parent.glob(pattern))
    try:
        for library in libraries:
            CDLL(str(library))
    except OSError:
        return False
    return bool(libraries)


def _define_torchvision_operators() -> None:
    if _libraries:
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _libraries.append(library)
