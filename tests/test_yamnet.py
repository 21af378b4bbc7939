"""YAMNet's opinion is kept beside the teacher's and guides a net in lessons."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from labelled_audio import hiss, write
from made_up_teacher import made_up_teacher
from small_run import small_bank, small_music, small_recipe
from sounds import silence, tone

from instrd.training.errors import TrainingError
from instrd.training.mixtures import export
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.fitted import trained
from instrd.training.mixtures.guides import joined
from instrd.training.mixtures.lessons import Lessons
from instrd.training.mixtures.material import Material
from instrd.training.progress import unwatched
from instrd.training.recipe import YamNetShare, guiding
from instrd.training.teachers import teaching
from instrd.training.teachers.excerpts import read_excerpts
from instrd.training.teachers.music import (
    INDEX,
    SECOND_NAMES,
    read_index,
    read_music,
    read_second_labels,
)
from instrd.training.teachers.opinions import opinion_tags
from instrd.training.teachers.yamnet import (
    CLASSES,
    HOP,
    LABELS,
    MODEL,
    RATE_HZ,
    WINDOW,
    Floats,
    YamNet,
    every_frame,
    open_yamnet,
)

pytestmark = pytest.mark.usefixtures("one_thread")

TAGS = ("Silence", *opinion_tags())
FLUTE, VOICE = LABELS.index("flute"), LABELS.index("voice")


def by_loudness(window: Floats) -> Floats:
    """Take for a flute what is loud, with as much probability as its amplitude."""
    told = np.zeros(len(TAGS), np.float32)
    told[TAGS.index("Flute")] = np.abs(window).max()
    told[TAGS.index("Speech")] = 1.0
    return told


def listener(_: Path | None = None) -> YamNet:
    return YamNet(by_loudness, TAGS)


def test_every_hop_a_window_is_judged_by_the_likeliest_tag_of_each_label() -> None:
    seconds = (WINDOW + 2 * HOP) / RATE_HZ
    odds = listener().log_odds(tone(440.0, seconds, RATE_HZ, amplitude=0.75))
    assert odds.shape == (3, len(LABELS))
    np.testing.assert_allclose(odds[:, FLUTE], np.log(3.0), atol=0.01)
    assert odds[0, VOICE] < -9.0  # speech is no singing


def test_between_two_windows_there_are_straight_lines() -> None:
    judged = np.array([[0.0], [24.0], [24.0]], np.float32)
    frames = every_frame(judged, 0, 120, hop=320)[:, 0]
    middle = WINDOW / 2 / 320
    assert (frames[: int(middle)] == 0.0).all()
    assert np.diff(frames[25:48]) == pytest.approx(1.0, abs=1e-3)  # a hop is 24 frames
    assert (frames[73:] == 24.0).all()
    np.testing.assert_array_equal(every_frame(judged, 30, 20, hop=320)[:, 0], frames[30:50])


def test_a_sound_is_judged_where_it_is_heard() -> None:
    sound = np.concatenate([silence(3.0, RATE_HZ), tone(440.0, 2.0, RATE_HZ, amplitude=0.5)])
    frames = every_frame(listener().log_odds(sound), 0, 250, hop=320)[:, FLUTE]
    assert (frames[:110] < -9.0).all()
    assert (frames[175:] > -0.1).all()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_teacher(tmp_path_factory.mktemp("teacher"))


def teach(songs: Path, teacher: Path, yamnet: Path | None) -> teaching.Taught:
    return teaching.teach(
        [songs],
        teacher=teacher,
        yamnet=yamnet,
        out=songs.parent / "bank",
        most_minutes=1.0,
        processes=1,
        watch=unwatched,
    )


def test_it_hears_what_the_teacher_heard_before_too_and_nothing_twice(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "open_yamnet", listener)
    teaching._yamnet_of.cache_clear()
    songs, bank = tmp_path / "songs", tmp_path / "bank"
    write(songs / "a.wav", hiss(1, 6.0))
    first = teach(songs, teacher, None)
    (alone,) = read_music(bank)
    assert alone.second is None
    (entry,) = teach(songs, teacher, tmp_path).entries
    assert entry == msgspec.structs.replace(first.entries[0], second=True)
    (both,) = read_music(bank)
    assert both.second is not None
    assert both.second.shape == ((6 * RATE_HZ - WINDOW) // HOP + 1, len(LABELS))
    assert read_second_labels(bank) == LABELS
    np.testing.assert_array_equal(alone.logits, both.logits)
    (songs / "a.wav").write_bytes(b"gone")
    assert teach(songs, teacher, tmp_path).entries == [entry]


def test_what_is_another_sound_by_now_is_judged_anew_by_both(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "open_yamnet", listener)
    teaching._yamnet_of.cache_clear()
    songs, bank = tmp_path / "songs", tmp_path / "bank"
    write(songs / "a.wav", hiss(1, 9.0))
    teach(songs, teacher, None)
    write(songs / "a.wav", hiss(2, 6.0))
    teach(songs, teacher, tmp_path)
    (music,) = read_music(bank)
    assert music.second is not None
    assert (len(music.frames), len(music.logits), len(music.second)) == (300, 2, 11)


def heard_by_both(folder: Path, *, labelled: bool = False) -> Path:
    """Write music that YAMNet takes for a voice at first and for a flute later."""
    music = small_music(folder, windows=1, labelled=labelled)
    with np.load(music / "noise.npz") as arrays:
        kept = dict(arrays)
    kept["second"] = np.full((7, len(LABELS)), -8.0, np.float16)
    kept["second"][:4, VOICE] = kept["second"][4:, FLUTE] = 2.0
    np.savez(music / "noise.npz", **kept)
    (music / SECOND_NAMES).write_bytes(msgspec.json.encode(LABELS))
    (entry,) = read_index(music)
    entries = [msgspec.structs.replace(entry, second=True)]
    (music / INDEX).write_bytes(msgspec.json.encode(entries))
    return music


def test_a_lesson_has_its_log_odds_of_our_labels_and_none_of_others(tmp_path: Path) -> None:
    recipe = small_recipe()
    mixing = msgspec.structs.replace(recipe.mixing, segment_frames=200)
    recipe = small_recipe(labels=("other", "flute"), mixing=mixing)
    second = Lessons(recipe, read_excerpts(heard_by_both(tmp_path / "m"), 200)).batch(0, count=2)[4]
    assert second.shape == (2, 200, 2)
    assert np.isnan(second[..., 0]).all()
    assert (second[:, :90, 1] == -8.0).all()
    assert (second[:, 130:, 1] == 2.0).all()


def test_of_what_is_labelled_it_is_not_asked(tmp_path: Path) -> None:
    music = heard_by_both(tmp_path / "m", labelled=True)
    assert np.isnan(Lessons(small_recipe(), read_excerpts(music, 30)).batch(0, count=2)[4]).all()


def test_it_and_guides_judge_as_the_mean_of_their_log_odds() -> None:
    ours = torch.tensor([[[0.5, 0.9]]])
    said = torch.tensor([[[-2.0, torch.nan]]])
    both = joined(ours, said, YamNetShare(share=0.25, raised=4.0))
    torch.testing.assert_close(both.logit()[0, 0, 0], torch.tensor(0.5))
    torch.testing.assert_close(both[0, 0, 1], ours[0, 0, 1])


def test_a_guided_net_learns_what_it_says(tmp_path: Path) -> None:
    bank, music = small_bank(tmp_path / "stems"), heard_by_both(tmp_path / "music")
    recipe = small_recipe()
    assert recipe.guide is not None
    deaf = small_recipe(guide=msgspec.structs.replace(recipe.guide, yamnet=None))
    fit(guiding(recipe), Material(bank, music), run=tmp_path / "guide", until=1)
    heads = []
    for name, chosen in (("both", recipe), ("guide alone", deaf)):
        guides = [tmp_path / "guide"]
        fit(chosen, Material(bank, music), run=tmp_path / name, guides=guides, until=1)
        heads.append(trained(chosen, tmp_path / name).head.weight)
    assert not torch.equal(*heads)


def test_where_it_heard_the_music_it_is_credited(tmp_path: Path) -> None:
    with_it, without = heard_by_both(tmp_path / "both"), small_music(tmp_path / "one")
    assert export.YAMNET in export._teachers_credits(with_it)
    assert export.YAMNET not in export._teachers_credits(without)


class Interpreter:
    """As LiteRT's: says of every class how loud the window is."""

    def __init__(self, path: str, num_threads: int) -> None:
        if Path(path).read_bytes() != b"TFL3":
            raise ValueError("Model provided has model identifier 'no s', should be 'TFL3'")
        assert num_threads == 1
        self._heard = np.zeros(WINDOW, np.float32)

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": np.array([WINDOW])}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 5, "shape": np.array([1, len(TAGS)])}]

    def set_tensor(self, index: int, values: Floats) -> None:
        assert (index, values.dtype.name) == (0, "float32")
        self._heard = values

    def invoke(self) -> None: ...

    def get_tensor(self, index: int) -> Floats:
        assert index == 5
        return np.full((1, len(TAGS)), np.abs(self._heard).max(), np.float32)


@pytest.fixture
def litert(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)


@pytest.mark.usefixtures("litert")
def test_a_folder_holds_its_file_and_the_names_of_its_classes(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"yamnet\.tflite: is no file"):
        open_yamnet(tmp_path)
    (tmp_path / MODEL).write_bytes(b"no such file")
    with pytest.raises(TrainingError, match=r"is no TFLite file: Model provided"):
        open_yamnet(tmp_path)
    (tmp_path / MODEL).write_bytes(b"TFL3")
    with pytest.raises(TrainingError, match="cannot be read"):
        open_yamnet(tmp_path)
    (tmp_path / CLASSES).write_text("index,mid\n0,/m/0\n")
    with pytest.raises(TrainingError, match="has no column 'display_name'"):
        open_yamnet(tmp_path)
    (tmp_path / CLASSES).write_text("index,mid,display_name\n0,/m/0,Silence\n")
    with pytest.raises(TrainingError, match=f"got 1 classes, allowed {len(TAGS)}: YAMNet's"):
        open_yamnet(tmp_path)
    rows = [f"{number},/m/{number},Silence" for number in range(len(TAGS))]
    (tmp_path / CLASSES).write_text("\n".join(["index,mid,display_name", *rows]))
    with pytest.raises(TrainingError, match="hold no tag of bass, cello, clarinet"):
        open_yamnet(tmp_path)
    rows = [f'{number},/m/{number},"{tag}"' for number, tag in enumerate(TAGS)]
    (tmp_path / CLASSES).write_text("\n".join(["index,mid,display_name", *rows]))
    yamnet = open_yamnet(tmp_path)
    assert yamnet.tags == TAGS
    assert yamnet.log_odds(np.full(WINDOW, 0.5, np.float32)) == pytest.approx(0.0)


def test_without_litert_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(TrainingError, match=r"needs LiteRT: pip install 'instrd\[yamnet\]'"):
        open_yamnet(tmp_path)
