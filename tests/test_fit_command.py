"""From labelled clips to a bundle, its figures and an ensemble, through the command line."""

import os
import shutil
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from labelled_audio import RATE_HZ, kaggle, write
from miniature import LABELS, changed, miniature, recipe, sound, write_recipe

from instrd.models.bundle import find_bundle, read_bundle
from instrd.models.frontend import FrameStream
from instrd.models.registry import load_classifier
from instrd.training.bundle_place import name_for
from instrd.training.cli import main
from instrd.training.clips.export import credits_in
from instrd.training.clips.recipe import ClipSplit
from instrd.training.clips.run_data import SPLIT
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import MANIFEST
from instrd.training.recipe import RECIPE, Recipe, read_recipe
from instrd.training.results import read_result

pytestmark = pytest.mark.usefixtures("one_thread")

BASE = Path(__file__).parent.parent / "training" / "recipes" / "base.toml"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["instrd-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def named(bundle: Path, label: str) -> str:
    """Return what a bundle calls a fresh sound of a label, heard hop by hop."""
    classifier = load_classifier(read_bundle(bundle), folders=[bundle.parent])
    streams = [FrameStream(front_end) for front_end in classifier.front_ends]
    memory = classifier.start()
    for hop in np.array_split(sound(label, 77, 0.4), 10):
        (judged,) = classifier.feed([[stream.feed(hop) for stream in streams]], [memory])
    return classifier.manifest.labels[int(judged.argmax())]


def test_clips_become_models_and_models_an_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, models = miniature(tmp_path / "data").root, tmp_path / "models"
    for name in ("cnn", "svm"):
        epochs = 10 if name == "cnn" else 2
        file = write_recipe(tmp_path / f"{name}.toml", recipe(name, epochs=epochs))
        folder = tmp_path / "runs" / name
        assert run(monkeypatch, "fit", file, "--data", data, "--run", folder) == 0
        assert "of 12 test clips right" in capsys.readouterr().out
        assert run(monkeypatch, "export", folder, models / name, "--data", data) == 0
        assert read_bundle(models / name).sha256 in capsys.readouterr().out
        assert run(monkeypatch, "evaluate", models / name, "--data", data) == 0
        measured = msgspec.json.decode(capsys.readouterr().out)
        assert measured["clips"]["rows"] == 12
        assert measured["clips"]["accuracy"] > 0.6
    members = [models / name for name in ("cnn", "svm")]
    assert run(monkeypatch, "ensemble", models / "both", *members) == 0
    assert run(monkeypatch, "evaluate", models / "both", "--data", data) == 0
    for name in ("cnn", "svm", "both"):
        assert [named(models / name, label) for label in LABELS] == list(LABELS)
    manifest = find_bundle("cnn", [models]).manifest
    assert manifest.kind == "window"
    assert manifest.front_end.rate_hz == RATE_HZ
    assert set(manifest.metrics) == {"validation", "held_out"}


def test_a_folder_of_classes_alone_is_enough_for_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, label in enumerate(LABELS):
        for number in range(8):
            write(tmp_path / "data" / label / f"{number}.wav", sound(label, 10 * place + number))
    split = ClipSplit(validation_share=0.15)
    file = write_recipe(tmp_path / "svm.toml", changed(recipe("svm", epochs=2), split=split))
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "fit", file, "--data", "data", "--run", "run") == 0
    assert " of 3 test clips right" in capsys.readouterr().out
    assert run(monkeypatch, "export", "run", "bundle", "--data", "data") == 0
    write(tmp_path / "data" / "drum" / "new.wav", sound("drum", 99))
    capsys.readouterr()
    for folder in ("data", tmp_path / "data"):
        assert run(monkeypatch, "evaluate", "bundle", "--data", folder) == 0
        assert msgspec.json.decode(capsys.readouterr().out)["clips"]["rows"] == 3


def test_a_seed_of_its_own_makes_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = miniature(tmp_path / "data").root, tmp_path / "run"
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    fit = ["fit", file, "--data", data, "--run", folder]
    assert run(monkeypatch, *fit, "--seed", 5) == 0
    assert run(monkeypatch, *fit) == 2
    told = f"{folder}: holds a run of seed 5, not 3 (--seed); give each run its own folder"
    assert told in capsys.readouterr().err


def test_the_last_steps_have_a_seed_of_their_own_whatever_seed_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[Recipe] = []
    fit = "instrd.training.mixtures.fit.fit"
    monkeypatch.setattr(fit, lambda chosen, *_, **__: fitted.append(chosen))
    for last in ([], ["--last"]):
        assert run(monkeypatch, "fit", BASE, "--stems", tmp_path, "--seed", 7, *last) == 0
    assert [chosen.seed for chosen in fitted] == [7, 8]


def test_a_run_that_cannot_be_exported_is_told_before_it_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = miniature(tmp_path / "data").root
    shutil.rmtree(data / "validation")
    file = write_recipe(tmp_path / "svm.toml", recipe("svm", epochs=1))
    folder, bundle = tmp_path / "run", tmp_path / "bundle"
    assert run(monkeypatch, "fit", file, "--data", data, "--run", folder) == 0
    told = "validation clips are of fewer than two classes, so a run cannot be exported"
    assert capsys.readouterr().err.startswith(f"note: {told}")
    assert run(monkeypatch, "export", folder, bundle, "--data", data) == 2
    refused = f"instrd-train: {told.replace('clips', 'clips:')}"
    assert capsys.readouterr().err.startswith(refused), "frames are there: no bar at 0 %"


@pytest.mark.parametrize(("other", "what"), [("other", "learned as other"), ("", "left out")])
def test_classes_that_the_recipe_does_not_name_are_told_with_what_becomes_of_them(
    other: str,
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = miniature(tmp_path / "data", ("drum", "gitarre", "violin")).root
    write(data / "train" / "flöte" / "a.wav", sound("violin", 1))
    write(data / "train" / "other" / "a.wav", sound("violin", 2))
    made = changed(recipe("svm", epochs=1), labels=("drum", "violin"), other=other)
    file = write_recipe(tmp_path / "svm.toml", made)
    assert run(monkeypatch, "fit", file, "--data", data, "--run", tmp_path / "run") == 0
    named = f"flöte (1), gitarre (15){'' if other else ', other (1)'}"
    told = f"note: {what}, since the recipe does not name them: {named}\n"
    assert capsys.readouterr().err.startswith(told)


def test_a_run_without_test_clips_names_no_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = miniature(tmp_path / "data").root
    (data / "test").rename(data / "tests")
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    assert run(monkeypatch, "fit", file, "--data", data, "--run", tmp_path / "run") == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/run: no test clip, ")


def test_several_folders_are_learned_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = miniature(tmp_path / "one").root
    (tmp_path / "two" / "train" / "drum").mkdir(parents=True)
    (tmp_path / "two" / "train" / "drum" / "broken.wav").write_text("no audio")
    rows = ["path,label", *(f"{k}.wav,drum" for k in range(4))]
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / MANIFEST).write_text("\n".join(rows))
    write(tmp_path / "three" / "stray.wav", sound("drum", 1))
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    folders = ["--data", one, "--data", tmp_path / "two", "--data", tmp_path / "three"]
    assert run(monkeypatch, "fit", file, *folders, "--run", tmp_path / "run") == 0
    assert "left out: " in (told := capsys.readouterr().err)
    assert "broken.wav" in told
    assert "left out: 4 rows without a file: 0.wav, 1.wav, 2.wav, ...\n" in told
    assert "left out: 1 file without a row: three/stray.wav\n" in told


def test_every_error_is_one_sentence_and_exit_code_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_recipe(tmp_path / "cnn.toml", recipe())
    other = write_recipe(tmp_path / "odd.toml", changed(recipe(), network={"size": "big"}))
    broken, folder = tmp_path / "broken.toml", tmp_path / "run"
    broken.write_text("name = ")
    data = miniature(tmp_path / "data").root
    for arguments, told in (
        (["fit", BASE, "--run", folder], f"{BASE}: needs --stems"),
        (["fit", file, "--run", folder], f"{file}: needs --data"),
        (["fit", file, "--data", data, "--wide"], "for clips, which --wide is not for"),
        (["fit", file, "--data", data, "--tune", folder], "for clips, which --tune is not for"),
        (["fit", file, "--data", data, "--last"], "for clips, which --last is not for"),
        (["fit", BASE, "--wide", "--tune", folder], "--tune: is for the teacher"),
        (["fit", broken, "--data", data, "--run", folder], f"{broken}: Invalid"),
        (["fit", file, "--data", tmp_path / "none", "--run", folder], "no labelled audio here"),
        (["fit", other, "--data", data, "--run", folder], "[network]: size: got 'big'"),
        (["export", folder, tmp_path / "bundle"], f"{folder}: needs --data"),
        (["export", tmp_path, tmp_path / "bundle", "--data", data], "instrd-train fit first"),
        (["evaluate", tmp_path, "--data", data], "manifest.json"),
    ):
        assert run(monkeypatch, *arguments) == 2
        error = capsys.readouterr().err
        assert error.splitlines()[-1].startswith("instrd-train: ")
        assert told in error
    assert not (tmp_path / "bundle").exists()


def test_a_run_that_was_stopped_cannot_be_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_bytes(msgspec.json.encode(recipe()))
    data = miniature(tmp_path / "data").root
    arguments = ["export", tmp_path / "run", tmp_path / "bundle", "--data", data]
    assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err == (
        f"instrd-train: {tmp_path}/run: holds no finished run; run instrd-train fit first\n"
    )


def test_a_run_is_exported_with_the_data_that_it_was_fitted_on_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = miniature(tmp_path / "data").root, miniature(tmp_path / "other").root
    (other / "validation" / "drum" / "drum-0.wav").rename(other / "validation" / "drum" / "x.wav")
    file = write_recipe(tmp_path / "cnn.toml", recipe(epochs=1))
    assert run(monkeypatch, "fit", file, "--data", data, "--run", tmp_path / "run") == 0
    export = ["export", tmp_path / "run", tmp_path / "bundle", "--data"]
    assert run(monkeypatch, *export, other) == 2
    assert "run: was fitted on 45 clips below" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
    monkeypatch.chdir(tmp_path)  # however the folder is spelt, its split is that of the run
    assert run(monkeypatch, *export, "data") == 0


def test_the_reading_of_the_labels_is_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {label: [f"{label}-{k}0000.wav" for k in range(1, 5)] for label in LABELS}
    rows = [(name, label) for label in ("drum", "guitar") for name in names[label]]
    tests = [(f"test-{label}-90000.wav", label) for label in LABELS]
    kaggle(tmp_path / "data", [*rows, *((name, "violin") for name in names["drum"])], tests)
    for seed, name in enumerate(names["violin"], 50):
        write(tmp_path / "data" / "Train_submission" / name, sound("violin", seed))
    made = changed(recipe(epochs=1), split=ClipSplit(validation_share=0.3))
    file = write_recipe(tmp_path / "cnn.toml", made)
    folder, bundle, data = tmp_path / "run", tmp_path / "bundle", ["--data", tmp_path / "data"]
    assert run(monkeypatch, "fit", file, *data, "--run", folder, "--labels", "corrected") == 0
    assert run(monkeypatch, "fit", file, *data, "--run", folder) == 2
    assert run(monkeypatch, "export", folder, bundle, *data) == 0
    assert run(monkeypatch, "evaluate", bundle, *data, "--labels", "corrected") == 0


def test_a_bundle_is_not_written_into_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = miniature(tmp_path / "data").root, tmp_path / "run"
    file = write_recipe(tmp_path / "svm.toml", recipe("svm", epochs=1))
    assert run(monkeypatch, "fit", file, "--data", data, "--run", folder) == 0
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = f"instrd-train: {folder}: holds a run; give the bundle a folder of its own\n"
    for arguments in (
        ["export", folder, folder, "--data", data],
        ["export", folder, folder, "--data", data, "--stems", data],
        ["ensemble", folder, tmp_path],
    ):
        assert run(monkeypatch, *arguments) == 2
        assert capsys.readouterr().err.endswith(told)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


def test_a_name_that_no_bundle_may_have_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "My Model"
    for arguments in (
        ["export", tmp_path, bundle, "--data", miniature(tmp_path / "data").root],
        ["export", tmp_path, bundle, "--data", tmp_path, "--stems", tmp_path],
        ["ensemble", bundle, tmp_path],
    ):
        assert run(monkeypatch, *arguments) == 2
        assert capsys.readouterr().err == (
            f"instrd-train: {bundle}: got 'My Model' as the name of a bundle, "
            "allowed: 1 to 32 of a to z, 0 to 9, _ and -\n"
        )
    assert not bundle.exists()


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for bundle in (tmp_path / "file", tmp_path / "file" / "mine"):
        assert run(monkeypatch, "export", tmp_path, bundle, "--data", tmp_path) == 2
        told = f"{tmp_path}/file: is no folder that can be written to\n"
        assert capsys.readouterr().err == f"instrd-train: {told}"
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)  # root may write anywhere
    with pytest.raises(TrainingError, match=f"{tmp_path}: is no folder that can be written to"):
        name_for(tmp_path / "a" / "b")


def test_a_run_of_stems_is_exported_with_its_stems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / RECIPE).write_bytes(msgspec.json.encode(read_recipe(BASE)))
    arguments = ["export", tmp_path, tmp_path / "bundle", "--data", tmp_path]
    assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err == f"instrd-train: {tmp_path}: needs --stems\n"


def test_files_may_be_called_by_bytes_that_are_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = miniature(tmp_path / "data").root, tmp_path / "run"
    odd = os.fsdecode(b"caf\xe9.wav")
    for part in ("train", "test"):
        (data / part / "drum" / "drum-0.wav").rename(data / part / "drum" / odd)
    file = write_recipe(tmp_path / "svm.toml", recipe("svm", epochs=1))
    assert run(monkeypatch, "fit", file, "--data", data, "--run", folder) == 0
    assert r"test/drum/caf\xe9.wav" in {answer.path for answer in read_result(folder).answers}
    assert r"train/drum/caf\\xe9.wav" in (folder / SPLIT).read_text()


def test_whoever_made_the_clips_is_credited(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(
        "path,label,source,licence,credit\n"
        "a.wav,drum,Studio,CC BY 4.0,Ada\n"
        "b.wav,drum,Studio,CC BY 4.0,Ben\n"
        "c.wav,drum,Street,,\n"
        "d.wav,drum,Unheard,CC0,\n"
    )
    got = credits_in(
        [tmp_path, tmp_path / "none"], [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    )
    assert [(c.source, c.licence, c.credit) for c in got] == [
        ("Street", "unknown", ""),
        ("Studio", "CC BY 4.0", "Ada; Ben"),
    ]
