"""Lets torchvision and torchaudio be imported beside a CPU build of torch.

Their PyPI wheels are linked against CUDA. Beside a CPU-only torch, `import torchvision` raises
`operator torchvision::nms does not exist` and `import torchaudio` an OSError for its extension.
What we use of them (models, transforms, functional) is pure Python and works once the missing
pieces have stand-ins. Beside matching builds this does nothing.
"""

import importlib.util
import sys
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

_libraries: list[torch.library.Library] = []
"""A torch library lives as long as somebody holds it."""


def allow_cpu_builds() -> None:
    """Prepare the import of torchvision and torchaudio; harmless to call twice."""
    if "torchvision" not in sys.modules and not _loads("torchvision", "_C*.so"):
        _define_torchvision_operators()
    if "torchaudio" not in sys.modules and not _loads("torchaudio", "lib/_torchaudio*.so"):
        sys.modules["torchaudio._extension"] = _torchaudio_without_extension()


def _loads(package: str, pattern: str) -> bool:
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


def _torchaudio_without_extension() -> ModuleType:
    module: Any = ModuleType("torchaudio._extension")
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False  # noqa: SLF001 - the names torchaudio reads
    module._IS_ALIGN_AVAILABLE = False  # noqa: SLF001
    module.fail_if_no_align = _unchanged
    module._check_cuda_version = lambda: None  # noqa: SLF001
    stand_in: ModuleType = module
    return stand_in


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function
