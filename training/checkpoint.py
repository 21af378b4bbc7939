"""What a run goes on with after a cut, written whole."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from instrd.models.new_file import new_file
from instrd.training.errors import TrainingError

CHECKPOINT = "checkpoint.pt"


def write_checkpoint(run: Path, state: dict[str, Any]) -> None:
    for left in run.glob(f"{CHECKPOINT}.*"):
        left.unlink()  # of processes that were killed as they wrote
    content = BytesIO()  # torch would turn an error of a file into one of its own
    torch.save(state, content)
    with new_file(run / CHECKPOINT) as file:
        file.write(content.getbuffer())


def load_checkpoint(run: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return what was written, its tensors on a device; raises `TrainingError`."""
    file = run / CHECKPOINT
    try:
        content = BytesIO(file.read_bytes())  # torch seeks to before the start of a torn one
        state: dict[str, Any] = torch.load(content, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(run, f"holds no {CHECKPOINT}") from error
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = "is no whole checkpoint; a run without one begins anew"
        raise TrainingError(file, reason) from error
    return state
