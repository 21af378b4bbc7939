import errno
import os
from pathlib import Path

import numpy as np
import pytest

from instrd.models.new_file import new_file


def test_a_file_gets_to_its_place_once_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint.pt"
    place.write_bytes(b"old")
    with new_file(place) as file:
        file.write(b"new")
        assert place.read_bytes() == b"old"
    assert place.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [place]


def test_a_full_disk_is_told_with_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*metrics\.json'"):
        write(tmp_path / "metrics.json")


def write(place: Path) -> None:
    with new_file(place) as file:
        file.write(b"new")


def test_one_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint.pt"
    place.write_bytes(b"old")
    with pytest.raises(ValueError, match="pickle"), new_file(place) as file:
        np.save(file, np.array([None]), allow_pickle=False)
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]
