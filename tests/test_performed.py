import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from melodies import write_melody

from instrd.training.errors import TrainingError
from instrd.training.folders.layouts import read_folder
from instrd.training.folders.pool import read_pool
from instrd.training.stems.performances import perform as perform_with_fluidsynth
from instrd.training.stems.performed import CLIP_S, Floats, clips, render_folder

RATE_HZ = 2000


def hum(
    label: str, *, soundfont: Path, scores: Sequence[Path], minutes: float, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Stand in for fluidsynth: noise, at 2 kHz."""
    assert soundfont.is_file()
    assert {score.parent.name for score in scores} == {"groove" if label == "drum" else "pop909"}
    return rng.normal(0.0, 0.1, int(minutes * 60 * RATE_HZ)).astype(np.float32), RATE_HZ


def fail(label: str, **_: object) -> tuple[Floats, float]:
    raise TrainingError(label, "cannot be played")


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    for folder in ("groove", "pop909"):
        (tmp_path / "midi" / folder).mkdir(parents=True)
        (tmp_path / "midi" / folder / "1.mid").touch()
    return tmp_path / "midi"


@pytest.fixture
def soundfonts(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "FluidR3_GM.sf2", tmp_path / "mine.sf2"]
    for path in found:
        path.touch()
    return found


def perform(out: Path, midi: Path, soundfonts: list[Path], *labels: str, seed: int = 0) -> int:
    return render_folder(
        out,
        midi=midi,
        soundfonts=soundfonts,
        labels=labels or ("drum", "cello"),
        minutes=0.5,
        seed=seed,
        performer=hum,
    )


def test_a_folder_of_performances_is_labelled_audio_and_a_pool(
    tmp_path: Path, midi: Path, soundfonts: list[Path]
) -> None:
    assert perform(tmp_path / "out", midi, soundfonts) == 16
    folder = read_folder(tmp_path / "out")
    assert (folder.layout, folder.classes) == ("manifest", ("cello", "drum"))
    assert {clip.group for clip in folder.clips if clip.label == "drum"} == {
        "drum: FluidR3_GM",
        "drum: mine",
    }
    assert (folder.rows_without_file, folder.files_without_row) == ((), ())
    assert len(read_pool(tmp_path / "out")) == 16


def test_a_clip_is_mono_16_bit_flac_and_credits_soundfont_and_scores(
    tmp_path: Path, midi: Path, soundfonts: list[Path]
) -> None:
    perform(tmp_path / "out", midi, soundfonts, "drum")
    with (tmp_path / "out" / "manifest.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    known, mine = rows[0], rows[-1]
    heard = soundfile.info(tmp_path / "out" / known["path"])
    assert (heard.format, heard.subtype, heard.channels) == ("FLAC", "PCM_16", 1)
    assert heard.duration == CLIP_S
    assert known["licence"] == "CC-BY-4.0 AND MIT"
    assert known["credit"] == "Frank Wen, Toby Smithe et al.; Gillick et al. 2019, Google"
    assert (mine["source"], mine["credit"]) == ("mine", "Gillick et al. 2019, Google")


def test_the_sound_hangs_on_the_seed_and_not_on_what_else_is_rendered(
    tmp_path: Path, midi: Path, soundfonts: list[Path]
) -> None:
    perform(tmp_path / "all", midi, soundfonts)
    perform(tmp_path / "one", midi, soundfonts[:1], "cello")
    perform(tmp_path / "other", midi, soundfonts[:1], "cello", seed=1)
    file = "cello/FluidR3_GM-0000.flac"
    one, again, other = ((tmp_path / name / file).read_bytes() for name in ("one", "all", "other"))
    assert one == again != other


def test_silent_clips_and_a_short_end_are_dropped() -> None:
    length = int(CLIP_S * RATE_HZ)
    sound = np.ones(4 * length + RATE_HZ, np.float32)
    sound[::2] = -1.0
    sound[length : 2 * length] = 0.0
    assert [len(clip) for clip in clips(sound, RATE_HZ)] == [length] * 3


@pytest.mark.parametrize("missing", ["label", "soundfont", "scores", "room"])
def test_what_cannot_be_rendered_is_one_error_before_anything_is_written(
    tmp_path: Path, midi: Path, soundfonts: list[Path], missing: str
) -> None:
    labels, out = ["drum"], tmp_path / "out"
    match missing:
        case "label":
            labels, told = ["harp"], "got label harp, allowed bass, cello"
        case "soundfont":
            soundfonts, told = [tmp_path / "none.sf2"], r"none\.sf2: no such soundfont"
        case "scores":
            midi, told = tmp_path / "none", "has no groove"
        case _:
            out, told = midi, "is not an empty folder"
    with pytest.raises(TrainingError, match=told):
        perform(out, midi, soundfonts, *labels)
    assert not (tmp_path / "out").exists()


def test_a_performance_that_fails_leaves_no_folder(
    tmp_path: Path, midi: Path, soundfonts: list[Path]
) -> None:
    with pytest.raises(TrainingError, match="cannot be played"):
        render_folder(tmp_path / "out", midi=midi, soundfonts=soundfonts, performer=fail)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="needs fluidsynth")
@pytest.mark.parametrize("content", [b"no soundfont", b"RIFF\x04\0\0\0sfbk"])
def test_a_file_that_fluidsynth_cannot_load_is_told_and_no_other_font_played(
    tmp_path: Path, content: bytes
) -> None:
    write_melody(tmp_path / "1.mid")
    (tmp_path / "a.sf2").write_bytes(content)
    with pytest.raises(TrainingError, match=r"a\.sf2: is no soundfont that fluidsynth can load"):
        perform_with_fluidsynth(
            "flute",
            soundfont=tmp_path / "a.sf2",
            scores=[tmp_path / "1.mid"],
            minutes=0.2,
            rng=np.random.default_rng(0),
        )
