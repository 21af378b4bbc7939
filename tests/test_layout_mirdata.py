import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from labelled_audio import hiss, write

from instrd.training.folders.labelled_folder import LabelledFolder, LayoutError
from instrd.training.folders.layout_mirdata import DATA_SETS, read_mirdata
from instrd.training.folders.layouts import read_folder

PARTS = {"train": "IRMAS-TrainingData/x", "test": "IRMAS-TestingData-Part1/Part1"}


@dataclass
class Shelf:
    """Stands in for mirdata: tracks with the attributes that its loaders give them."""

    tracks: Mapping[str, Any]

    def __call__(self, name: str, root: Path) -> "Shelf":
        return self

    def load_tracks(self) -> Mapping[str, Any]:
        return self.tracks


def track(root: Path, file: str, **told: Any) -> SimpleNamespace:
    """Return a track, its sound written."""
    write(root / file, hiss(len(file)))
    return SimpleNamespace(audio_path=str(root / file), **told)


def irmas(root: Path, *tracks: tuple[str, str, str, list[str]]) -> LabelledFolder:
    """Read IRMAS with tracks (id, file, split, instruments)."""
    made = {
        track_id: track(
            root, f"{PARTS[split]}/{file}", track_id=track_id, split=split, instrument=instruments
        )
        for track_id, file, split, instruments in tracks
    }
    return read_mirdata(root, "irmas", Shelf(made))


def openmic(root: Path, **scores: float) -> LabelledFolder:
    made = track(root, "audio/000/000046_3840.ogg.wav", split="split01_test", instruments=scores)
    return read_mirdata(root, "openmic2018", Shelf({"000046_3840": made}))


def test_irmas_excerpts_of_one_recording_are_one_group(tmp_path: Path) -> None:
    folder = irmas(
        tmp_path,
        ("0189__1", "[gel][cla]0189__1.wav", "train", ["gel"]),
        ("0189__2", "[gel][cla]0189__2.wav", "train", ["gel"]),
        ("0190__1", "[voi][cla]0190__1.wav", "train", ["voi"]),
        ("1", "02 - A Song-8.wav", "test", ["cel"]),
        ("2", "02 - A Song-11.wav", "test", ["cel"]),
    )
    assert folder.layout == "mirdata"
    assert [(clip.label, clip.part, clip.group) for clip in folder.clips] == [
        ("guitar", "train", "irmas: 0189"),
        ("guitar", "train", "irmas: 0189"),
        ("voice", "train", "irmas: 0190"),
        ("cello", "test", "irmas: 02 - A Song"),
        ("cello", "test", "irmas: 02 - A Song"),
    ]
    assert folder.classes == ("cello", "guitar", "voice")


def test_a_track_with_several_instruments_is_left_aside(tmp_path: Path) -> None:
    folder = irmas(
        tmp_path, ("1", "duo-1.wav", "test", ["pia", "vio"]), ("2", "solo-1.wav", "test", ["vio"])
    )
    assert [clip.path.name for clip in folder.clips] == ["solo-1.wav"]
    assert folder.files_without_row == ()


@pytest.mark.parametrize(
    ("number", "label"), [(0, "clarinet"), (1, "guitar"), (2, "voice"), (5, "saxophone")]
)
def test_medley_solos_are_grouped_by_song(tmp_path: Path, number: int, label: str) -> None:
    solo = track(tmp_path, "audio/a.wav", instrument_id=number, subset="validation", song_id=7)
    (clip,) = read_mirdata(tmp_path, "medley_solos_db", Shelf({"a": solo})).clips
    assert (clip.label, clip.part) == (label, "validation")
    assert clip.group == "medley_solos_db: validation song 7"


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        ({"drums": 0.9, "piano": 0.5}, ["drum"]),
        ({"mandolin": 1.0}, ["mandolin"]),
        ({"drums": 0.9, "piano": 0.6}, []),
        ({"flute": 0.1}, []),
    ],
)
def test_an_openmic_excerpt_is_taken_where_just_one_instrument_is_present(
    tmp_path: Path, scores: dict[str, float], labels: list[str]
) -> None:
    folder = openmic(tmp_path, **scores)
    assert [clip.label for clip in folder.clips] == labels
    assert all((clip.part, clip.group) == ("test", "") for clip in folder.clips)


def test_missing_and_strange_files_are_told(tmp_path: Path) -> None:
    gone = SimpleNamespace(audio_path=str(tmp_path / "audio" / "gone.wav"))
    write(tmp_path / "audio" / "stray.wav", hiss(1))
    folder = read_mirdata(tmp_path, "medley_solos_db", Shelf({"g": gone}))
    assert folder.rows_without_file == ("g: gone.wav",)
    assert [path.name for path in folder.files_without_row] == ["stray.wav"]


def test_an_unknown_data_set_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=r"got data set beatles, allowed irmas, medley_solos_db"):
        read_mirdata(tmp_path, "beatles", Shelf({}))


def test_a_missing_index_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    def without_index(name: str, root: Path) -> Shelf:
        raise FileNotFoundError("the index must be downloaded")

    with pytest.raises(LayoutError, match=r"index must be downloaded.*initialize\('irmas'"):
        read_mirdata(tmp_path, "irmas", without_index)


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_is_known_by_its_files_and_needs_mirdata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "mirdata", None)  # as if it were not installed
    marker = tmp_path / DATA_SETS[name].markers[-1]
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    with pytest.raises(LayoutError, match=rf"is {name}.*pip install 'instrd\[mirdata\]'"):
        read_folder(tmp_path)
