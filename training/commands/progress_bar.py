"""The bar that shows on standard error how far a command has come."""

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import track


def watch(things: Iterable[Any], what: str, count: int) -> Iterable[Any]:
    """Draw how much is done of what is to do, in the one process that torchrun numbers 0."""
    if not count or not leads():
        return things
    return track(things, what, total=count, console=Console(stderr=True))


def leads() -> bool:
    return os.environ.get("RANK", "0") == "0"
