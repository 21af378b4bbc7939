import pickle
from pathlib import Path

import pytest

from instrd.models.errors import AudioFileError, BundleError
from instrd.training.folders.labelled_folder import LayoutError


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (LayoutError, "a: cannot be read"),
        (AudioFileError, "audio file a: cannot be read"),
        (BundleError, "model bundle a: cannot be read"),
    ],
)
def test_an_error_comes_back_whole_from_another_process(
    kind: type[LayoutError | AudioFileError | BundleError], told: str
) -> None:
    error = pickle.loads(pickle.dumps(kind(Path("a"), "cannot be read")))
    assert isinstance(error, kind)
    assert str(error) == told
