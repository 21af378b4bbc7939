import pickle
from pathlib import Path

from instrd.training.labelled_folder import LayoutError


def test_an_error_comes_back_whole_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(LayoutError(Path("a.csv"), "cannot be read")))
    assert isinstance(error, LayoutError)
    assert str(error) == "a.csv: cannot be read"
