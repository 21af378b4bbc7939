"""What can be wrong with a training run, told in one sentence."""

from pathlib import Path


class TrainingError(Exception):
    """A training step cannot go on; says what was got, what is allowed and where."""

    def __init__(self, where: Path | str, reason: str) -> None:
        super().__init__(where, reason)  # both, so that it comes back from another process
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"
