from pathlib import Path

import msgspec
from made_up_runs import result, written
from train_program import train

from instrd.training.results import RunResult


def run(*arguments: object) -> tuple[int, str]:
    code, output = train("compare", *arguments)
    return code, " ".join(output.split())


def named(wrong: int, clips: int = 12, folder: str = "test") -> dict[str, tuple[str, str]]:
    return {f"{folder}/{k}.wav": ("drum", "violin" if k < wrong else "drum") for k in range(clips)}


def test_a_difference_beyond_chance_is_told_in_one_sentence(tmp_path: Path) -> None:
    a = written(tmp_path / "a", result(named(0)))
    b = written(tmp_path / "b", result(named(6)))
    code, output = run(a, b)
    assert code == 0
    assert "Of 12 clips that both answered, A alone got 6 right and B alone 0" in output
    assert "A is better by more than chance at 5% (McNemar's p = 0.031)." in output


def test_a_difference_within_chance_is_called_so(tmp_path: Path) -> None:
    a = written(tmp_path / "a", result(named(5)))
    b = written(tmp_path / "b", result(named(0)))
    assert "no more than chance at 5% (McNemar's p = 0.062)." in run(a, b)[1]


def test_both_are_shown_with_their_intervals_labels_and_cost(tmp_path: Path) -> None:
    a = written(tmp_path / "a", result(named(3)))
    b = written(tmp_path / "b", result(named(0)))
    output = run(a, b)[1]
    assert "9/12 = 75.0% (46.8%-91.1%)" in output
    for line in ("accuracy", "drum", "parameters", "1,000", "60 s"):
        assert line in output


def heard(made: RunResult, sounds: str) -> RunResult:
    """Return a run whose files have these sounds, a letter each."""
    answers = (
        msgspec.structs.replace(answer, sha256=sound)
        for answer, sound in zip(made.answers, sounds, strict=True)
    )
    return msgspec.structs.replace(made, answers=tuple(answers))


def test_clips_are_paired_by_their_sound_wherever_they_lay(tmp_path: Path) -> None:
    a = written(tmp_path / "a", heard(result(named(0, 4)), "abcd"))
    b = written(tmp_path / "b", heard(result(named(4, 4, folder="pool/test")), "cdef"))
    assert "Of 2 clips that both answered, A alone got 2 right" in run(a, b)[1]
    other = written(tmp_path / "other", heard(result(named(0, 4)), "wxyz"))
    assert "share no test clip" in run(a, other)[1]


def test_runs_without_a_shared_clip_are_an_error(tmp_path: Path) -> None:
    a = written(tmp_path / "a", result(named(0)))
    b = written(tmp_path / "b", result(named(0, folder="other")))
    code, output = run(a, b)
    assert code == 2
    assert "share no test clip" in output


def test_a_folder_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    code, output = run(tmp_path, tmp_path)
    assert code == 2
    assert "holds no finished run" in output
