"""`instrd-train`, also where what it needs is not installed."""

import sys


def main() -> None:
    """Run the command line, or say which extra is missing."""
    try:
        from instrd.training.cli import main as run  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("instrd"):
            raise
        missing = f"needs {error.name}: pip install 'instrd[train]'"
        print(f"instrd-train: {missing}", file=sys.stderr)  # noqa: T201 - there is no more to it
        sys.exit(2)
    run()
