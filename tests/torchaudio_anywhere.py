"""torchaudio, a second implementation of the features, beside a CPU build of torch too.

Its PyPI wheel is linked against CUDA; beside a CPU-only torch its import raises an OSError for its
extension. What is used of it (transforms) is pure Python and works with a stand-in for that.
"""

import sys
from types import ModuleType
from typing import Any

from instrd.models.cpu_builds import loads


def _without_extension() -> ModuleType:
    """Return what torchaudio reads of its extension where that cannot be loaded."""
    module: Any = ModuleType("torchaudio._extension")
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module.fail_if_no_align = lambda function: function
    module._check_cuda_version = lambda: None
    stand_in: ModuleType = module
    return stand_in


if "torchaudio" not in sys.modules and not loads("torchaudio", "lib/_torchaudio*.so"):
    sys.modules["torchaudio._extension"] = _without_extension()

import torchaudio as torchaudio  # noqa: E402, PLC0414 - importable from here on, and from here
