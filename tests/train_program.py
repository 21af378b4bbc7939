"""The program `instrd-train`, run in this process."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest

from instrd.training.cli import main


def train(*arguments: object) -> tuple[int, str]:
    """Return its exit code and all that it said."""
    said = StringIO()
    with (
        patch("sys.argv", ["instrd-train", *map(str, arguments)]),
        redirect_stdout(said),
        redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()
