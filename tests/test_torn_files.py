"""Files of a run that a full disk or a power cut tore are told in one sentence."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from miniature import miniature, recipe, write_recipe
from train_program import train

from instrd.models.bundle import WEIGHTS
from instrd.training.checkpoint import CHECKPOINT, load_checkpoint, write_checkpoint
from instrd.training.errors import TrainingError
from instrd.training.recipe import RECIPE
from instrd.training.results import METRICS

pytestmark = pytest.mark.usefixtures("one_thread")


@contextmanager
def room_for(largest: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("torn", [halved, emptied])
def test_each_file_of_a_run_that_is_torn_is_named(
    tmp_path: Path, torn: Callable[[bytes], bytes]
) -> None:
    data, run = miniature(tmp_path / "data").root, tmp_path / "run"
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    fit = ("fit", file, "--data", data, "--run", run)
    export = ("export", run, tmp_path / "bundle", "--data", data)
    assert train(*fit)[0] == 0
    for name, command in ((METRICS, fit), (WEIGHTS, export)):
        fails(run / name, torn, command)
    (run / METRICS).unlink()
    for name in (CHECKPOINT, RECIPE):
        fails(run / name, torn, fit)
    assert train(*fit)[0] == 0


def fails(path: Path, torn: Callable[[bytes], bytes], command: tuple[object, ...]) -> None:
    """Run a command with one file torn, and mend that."""
    whole = path.read_bytes()
    path.write_bytes(torn(whole))
    code, said = train(*command)
    path.write_bytes(whole)
    assert code == 2
    assert said.splitlines()[-1].startswith(f"instrd-train: {path}: ")


def test_what_a_killed_process_left_of_a_checkpoint_goes_with_the_next_one(tmp_path: Path) -> None:
    (tmp_path / f"{CHECKPOINT}.4242").write_bytes(b"half of it")
    write_checkpoint(tmp_path, {"step": 1})
    assert [file.name for file in tmp_path.iterdir()] == [CHECKPOINT]
    assert load_checkpoint(tmp_path) == {"step": 1}


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x02garbage", b"no checkpoint"])
def test_what_is_no_checkpoint_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TrainingError, match=f"holds no {CHECKPOINT}"):
        load_checkpoint(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(TrainingError, match="is no whole checkpoint"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_is_told_as_torn_wherever_it_was_cut(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"step": 1, "average": {"weight": torch.zeros(40, 40)}})
    whole = (tmp_path / CHECKPOINT).read_bytes()
    for length in (*range(0, len(whole), 16), len(whole) - 1):
        (tmp_path / CHECKPOINT).write_bytes(whole[:length])
        with pytest.raises(TrainingError, match=f"{CHECKPOINT}: is no whole checkpoint"):
            load_checkpoint(tmp_path)


def test_a_disk_that_is_full_is_one_sentence_and_the_checkpoint_of_before_stays(
    tmp_path: Path,
) -> None:
    data, run = miniature(tmp_path / "data").root, tmp_path / "run"
    run.mkdir()
    write_checkpoint(run, {"step": 1})
    whole = (run / CHECKPOINT).read_bytes()
    with room_for(4096), pytest.raises(OSError, match="File too large"):
        write_checkpoint(run, {"step": bytes(10_000)})
    assert (run / CHECKPOINT).read_bytes() == whole
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    with room_for(20_000):
        code, said = train("fit", file, "--data", data, "--run", tmp_path / "begun")
    assert code == 2
    assert said.splitlines()[-1].startswith("instrd-train: ")
    assert "File too large" in said.splitlines()[-1]


def test_a_run_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    data = miniature(tmp_path / "data").root
    code, said = train("fit", file, "--data", data, "--run", file / "run")
    assert code == 2
    assert said.splitlines()[-1] == f"instrd-train: {file}/run: Not a directory"
