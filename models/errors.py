"""What can be wrong with a model, told in one sentence."""

from pathlib import Path


class BundleError(Exception):
    """A model bundle cannot be used; says which one and why."""

    def __init__(self, bundle: Path | str, reason: str) -> None:
        super().__init__(f"model bundle {bundle}: {reason}")
        self.bundle = bundle
        self.reason = reason
