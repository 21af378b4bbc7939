"""The benchmark of ghosts counts labels that are shown where they do not sound."""

import sys
from dataclasses import replace
from pathlib import Path

import ghosts
import msgspec
import numpy as np
import pytest
import soundfile
from sounds import silence, tone
from tone_bundle import FRONT_END, tone_bundle

from instrd.models.bundle import Bundle
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import Clip

RATE_HZ = FRONT_END.rate_hz
LOW = tone(440.0, 2.0, RATE_HZ, amplitude=0.3)
HIGH = tone(2000.0, 2.0, RATE_HZ, amplitude=0.3)
HEADER = "path,label,source,original,licence,credit,kind,seconds"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tone_bundle(tmp_path / "tones", contrast=(1.0, 1.0))


def heard(logits: list[list[float]], *labels: str) -> ghosts.Heard:
    rows = np.array(logits, np.float32)
    return ghosts.Heard("one", rows, np.ones(len(rows), bool), labels)


def test_of_what_sounds_the_shown_share_counts_and_of_others_how_many_a_hop(
    bundle: Bundle,
) -> None:
    bare = replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, contrast=()))
    streams = [heard([[5.0, 1.0], [-5.0, 1.0]], "low")]
    assert ghosts.shown(streams, bare) == (0.5, 1.0)
    assert ghosts.shown(streams, bundle) == (0.5, 0.5)  # beside a sure one, 1.0 is too little


def test_what_does_not_count_is_left_out(bundle: Bundle) -> None:
    stream = heard([[5.0, -5.0], [-5.0, -5.0]], "low")
    assert ghosts.shown([replace(stream, counts=np.array([True, False]))], bundle) == (1.0, 0.0)


def test_a_stream_counts_where_it_is_loud_and_has_gone_on_for_a_while(bundle: Bundle) -> None:
    sound = np.concatenate([LOW[: RATE_HZ // 2], silence(0.3, RATE_HZ), LOW[: RATE_HZ // 2]])
    (one,) = ghosts.solos(ghosts.Ear(bundle), [clip("low")], [sound])
    assert one.counts.tolist() == [False] * 3 + [True] * 2 + [False] * 3 + [True] * 5
    assert one.logits.shape == (13, 2)


def test_a_pair_counts_where_both_are_there(bundle: Bundle) -> None:
    half = np.concatenate([HIGH[:RATE_HZ], silence(1.0, RATE_HZ)])
    streams = list(ghosts.pairs(ghosts.Ear(bundle), [clip("low"), clip("high")], [LOW, half]))
    assert {stream.labels for stream in streams} == {("low", "high"), ("high", "low")}
    assert all(
        stream.counts.tolist() == [False] * 3 + [True] * 7 + [False] * 10 for stream in streams
    )


def test_with_background_a_clip_counts_where_it_is_not_far_below_it(
    bundle: Bundle, tmp_path: Path
) -> None:
    write_street(tmp_path)
    half = np.concatenate([LOW[:RATE_HZ], silence(1.0, RATE_HZ)])
    streams = ghosts.with_background(
        ghosts.Ear(bundle), [clip("low")] * 2, [LOW, half], tmp_path, ghosts.wanted(tmp_path, [])
    )
    whole, cut = streams
    assert whole.labels == cut.labels == ("low",)
    assert whole.counts.tolist() == [False] * 3 + [True] * 17
    assert cut.counts.tolist() == [False] * 3 + [True] * 7 + [False] * 10
    (alone,) = ghosts.solos(ghosts.Ear(bundle), [clip("low")], [LOW])
    background = whole.logits[3:, 1]  # it begins anew where it is too short
    assert background.min() > alone.logits[3:, 1].max() + 3.0


def write_street(folder: Path) -> None:
    soundfile.write(folder / "street.wav", HIGH[:RATE_HZ], RATE_HZ, subtype="FLOAT")
    row = "street.wav,traffic,made up,,CC0,,recording,1.0"
    (folder / "manifest.csv").write_text(f"{HEADER}\n{row}")


def clip(label: str) -> Clip:
    return Clip(f"{label}.wav", label, "made up", "", "CC0", "", "recording", 2.0)


def test_pairs_of_one_instrument_are_refused(bundle: Bundle) -> None:
    brief = HIGH[:RATE_HZ]
    streams = ghosts.pairs(ghosts.Ear(bundle), [clip("low"), clip("high")], [LOW, brief])
    with pytest.raises(TrainingError, match=r"of 1.5 s or more got 1 .* allowed 2 or more"):
        next(streams)


def test_a_pool_of_which_all_is_left_out_is_refused(tmp_path: Path) -> None:
    write_street(tmp_path)
    with pytest.raises(TrainingError, match=r"got no clips, those with \['street'\] left out"):
        ghosts.wanted(tmp_path, ["street"])


@pytest.fixture
def arguments(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what to call the program with for one clip; pairs of it are it alone."""
    lines = [HEADER]
    for label, sound in (("low", LOW), ("high", HIGH), ("strange", HIGH)):
        soundfile.write(tmp_path / f"{label}.wav", sound, RATE_HZ, subtype="FLOAT")
        lines.append(f"{label}.wav,{label},made up,,CC0,,recording,2.0")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    monkeypatch.setattr(ghosts, "pairs", ghosts.solos)
    chosen = ["--data", str(tmp_path), "--bundle", str(bundle.folder), "--without", "high"]
    return ["ghosts.py", *chosen]


def test_the_program_tells_of_one_and_of_two_with_and_without_contrast(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    ghosts.main()
    told = capsys.readouterr().out
    assert told.count("17") == 4  # hops of the one clip that is left
    assert told.count("100.0 %") == 4
    assert "background" not in told


def test_the_program_tells_of_clips_with_a_background_too(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    street = tmp_path / "behind"
    street.mkdir()
    write_street(street)
    monkeypatch.setattr(sys, "argv", [*arguments, "--background", str(street)])
    ghosts.main()
    told = [line for line in capsys.readouterr().out.splitlines() if "background" in line]
    assert [("no" in line.split(), "yes" in line.split()) for line in told] == [
        (True, False),
        (False, True),
    ]
    assert all("17" in line for line in told)
