"""The comparison cuts the same moments for every peer and counts its likeliest labels."""

import json
import sys
from pathlib import Path

import call_cost
import compare_peers
import mixes
import msgspec
import numpy as np
import peers
import pytest
import soundfile
from made_up_teacher import made_up_teacher
from numpy.typing import NDArray
from small_run import RATE_HZ, small_recipe
from sounds import silence, tone
from tone_bundle import tone_bundle

from instrd.models.bundle import Bundle
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import read_pool
from instrd.training.teachers.teacher import NAMES
from instrd.training.teachers.teacher_net import TAGS
from instrd.training.teachers.yamnet import WINDOW, YamNet

Floats = NDArray[np.float32]

pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = ("piano", "flute")
NEW, OLD = "tonejs-instruments npm", "seen"
CLIPS = (
    ("piano", NEW, tone(440.0, 3.5, RATE_HZ)),
    ("flute", NEW, tone(2000.0, 1.0, RATE_HZ)),
    ("flute", "FSDKaggle2018/Freesound", tone(440.0, 0.5, RATE_HZ)),  # it will be taken for a piano
    ("piano", NEW, tone(440.0, 1.0, RATE_HZ, amplitude=1e-4)),
    ("piano", OLD, tone(2000.0, 1.0, RATE_HZ)),
    ("other", NEW, tone(2000.0, 1.0, RATE_HZ)),
)


class Fake:
    """Takes every piece for a piano and keeps what it was given."""

    name = "fake"
    rate_hz = 2 * RATE_HZ

    def __init__(self) -> None:
        self.heard: list[Floats] = []

    def scores(self, pieces: Floats) -> Floats:
        self.heard.append(pieces)
        return np.tile(np.array([0.9, 0.1], np.float32), (len(pieces), 1))


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    lines = ["path,label,source,original,licence,credit,kind,seconds"]
    for number, (label, source, sound) in enumerate(CLIPS):
        soundfile.write(tmp_path / f"{number}.wav", sound, RATE_HZ, subtype="FLOAT")
        lines.append(f"{number}.wav,{label},{source},,CC0,,notes,1.0")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Return a bundle that takes 440 Hz for a piano and 2 kHz for a flute."""
    recipe = msgspec.to_builtins(small_recipe(labels=LABELS))
    return tone_bundle(tmp_path / "tones", labels=LABELS, recipe=recipe)


def test_a_clip_is_cut_into_its_loud_seconds_and_longer_pieces() -> None:
    sound = np.concatenate([tone(440.0, 1.0, RATE_HZ), silence(1.0, RATE_HZ)] * 2)
    found = compare_peers.cuts(sound[: 7 * RATE_HZ // 2])
    assert found == {
        "1 s": [(0, RATE_HZ), (2 * RATE_HZ, RATE_HZ)],
        "3 s": [(0, 3 * RATE_HZ)],
        "whole clips": [(0, 7 * RATE_HZ // 2)],
    }


def test_a_short_clip_is_one_second_and_no_longer_piece() -> None:
    found = compare_peers.cuts(tone(440.0, 0.5, RATE_HZ))
    assert found == {"1 s": [(0, RATE_HZ)], "3 s": [], "whole clips": [(0, RATE_HZ // 2)]}


def test_of_a_soft_clip_nothing_is_judged() -> None:
    found = compare_peers.cuts(tone(440.0, 4.0, RATE_HZ, amplitude=1e-4))
    assert not any(found.values())


def test_every_peer_gets_the_same_moments_at_its_own_rate(pool: Path) -> None:
    fake, (clip, *_) = Fake(), read_pool(pool)
    rows = list(compare_peers.judge([fake], clip, mixes.as_recorded(pool)))
    assert [row.cut for _, row in rows] == ["1 s", "1 s", "1 s", "3 s", "whole clips"]
    assert [heard.shape for heard in fake.heard] == [(3, 32_000), (1, 96_000), (1, 112_000)]


def test_shares_are_of_rows_and_of_labels_with_the_others_masked() -> None:
    labels = ["cello", "drum", "piano"]

    def row(label: str, source: str, *scores: float) -> compare_peers.Row:
        return compare_peers.Row("1 s", source, label, np.array(scores, np.float32))

    rows = [
        row("piano", "a", 0.1, 0.2, 0.9),
        row("piano", "a", 0.1, 0.2, 0.9),
        row("drum", "a", 0.9, 0.5, 0.4),  # right once the cello is masked
        row("drum", "b", 0.1, 0.2, 0.9),
        row("cello", "b", 0.9, 0.2, 0.1),
    ]
    found = list(compare_peers.figures({"fake": rows}, labels, ["drum", "piano"]))
    everywhere, first, second = (one for one in found if one.cut == "1 s")
    assert (everywhere.four_rows, everywhere.four, everywhere.four_mean) == (4, 0.75, 0.75)
    assert (everywhere.all_rows, everywhere.all, everywhere.all_mean) == (5, 0.6, 2 / 3)
    assert (first.source, first.four, first.all_mean) == ("a", 1.0, 0.5)
    assert (second.source, second.four, second.all) == ("b", 0.0, 0.5)
    assert next(one for one in found if one.cut == "3 s").four is None


def test_windows_cover_a_piece_and_the_last_ends_with_it() -> None:
    pieces = np.arange(20, dtype=np.float32).reshape(2, 10)
    cut = peers.windows(pieces, 4, 3)
    assert cut.shape == (2, 3, 4)
    assert cut[0, :, 0].tolist() == [0, 3, 6]
    assert peers.windows(pieces, 4, 4)[1, :, 0].tolist() == [10, 14, 16]
    assert peers.windows(pieces, 12, 12)[0, 0].tolist() == [*range(10), 0, 0]


def test_a_label_is_as_likely_as_the_likeliest_of_its_tags_on_average() -> None:
    tags = sorted({tag for group in peers.TAGS_OF_LABEL.values() for tag in group})
    heard = []

    def judge(window: Floats) -> Floats:
        heard.append(window)
        told = dict.fromkeys(tags, 0.0) | {"Electric piano": float(window[0]), "Flute": 0.3}
        return np.array([told[tag] for tag in tags], np.float32)

    heard_by = peers.YamNetPeer(YamNet(judge, tags), LABELS)
    second = np.zeros((1, RATE_HZ), np.float32)
    second[0, 0] = 1.0  # heard by the first of two windows
    np.testing.assert_allclose(heard_by.scores(second), [[0.5, 0.3]])
    assert [len(window) for window in heard] == [WINDOW] * 2


def test_tags_that_a_peer_lacks_are_named() -> None:
    with pytest.raises(TrainingError, match="lack Flute"):
        peers.columns_of(["flute"], ["Piano"])


def test_a_bundle_that_keeps_no_state_is_refused(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "tones", "window", labels=LABELS)
    with pytest.raises(TrainingError, match="got kind window, allowed causal"):
        peers.open_bundle(tmp_path / "tones")


def test_a_call_is_shared_out_over_the_sound_that_it_stands_for(bundle: Bundle) -> None:
    calls = [call_cost.bundle_call(bundle, 8), call_cost.bundle_call(bundle, 1)]
    eight, one = call_cost.measure(calls, rounds=3)
    assert eight.ms_per_100_ms == pytest.approx(eight.call_ms / 8)
    assert one.ms_per_100_ms == pytest.approx(one.call_ms)


def test_the_program_tells_and_writes_the_figures(
    bundle: Bundle,
    pool: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = made_up_teacher(tmp_path / "teacher")
    tags = [tag for label in LABELS for tag in peers.TAGS_OF_LABEL[label]]
    names = [*tags, *(f"Tag {number}" for number in range(TAGS - len(tags)))]
    (folder / NAMES).write_text("\n".join(["index,display_name", *(f'0,"{n}"' for n in names)]))
    arguments = ["--data", pool, "--bundle", bundle.folder, "--teacher", folder]
    arguments += ["--json", tmp_path / "told.json"]
    monkeypatch.setattr(sys, "argv", ["compare_peers.py", *map(str, arguments)])
    compare_peers.main()
    told = json.loads((tmp_path / "told.json").read_text())
    seconds = told["accuracy"][0]
    assert (seconds["peer"], seconds["all_rows"], seconds["all"]) == ("instrd tones", 5, 0.8)
    assert {one["peer"] for one in told["accuracy"]} == {"instrd tones", "teacher mn04"}
    assert [one["peer"] for one in told["cost"]] == ["instrd tones"] * 2 + ["teacher mn04"]
    assert "FSDKaggle2018/Freesound" in capsys.readouterr().out


def test_in_rooms_every_clip_is_heard_by_way_of_one(
    bundle: Bundle, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_peers, "in_a_room", lambda _hear: lambda *_: silence(1.0, RATE_HZ))
    arguments = ["--data", pool, "--bundle", bundle.folder, "--json", tmp_path / "told.json"]
    monkeypatch.setattr(sys, "argv", ["compare_peers.py", *map(str, arguments), "--rooms"])
    compare_peers.main()
    told = json.loads((tmp_path / "told.json").read_text())
    assert {one["all_rows"] for one in told["accuracy"]} == {0}  # this room swallows everything


def test_of_a_pool_that_nobody_trained_on_every_clip_counts(
    bundle: Bundle, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--data", pool, "--bundle", bundle.folder, "--json", tmp_path / "told.json"]
    monkeypatch.setattr(sys, "argv", ["compare_peers.py", *map(str, arguments), "--all"])
    compare_peers.main()
    told = json.loads((tmp_path / "told.json").read_text())
    assert OLD in {one["source"] for one in told["accuracy"]}
    assert told["accuracy"][0]["all_rows"] == 6  # five held out, and the one of the old source
