"""Clips are divided as their folder says, else as the recipe does, and groups are never cut."""

from pathlib import Path
from typing import Any

import pytest
from labelled_audio import hiss, write
from miniature import changed, recipe

from instrd.training.clips.recipe import ClipRecipe, ClipSplit
from instrd.training.clips.split import Parts, divide, naming_tests, part_of
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import (
    UNREAD,
    Clip,
    LabelledFolder,
    Part,
    strays,
    together,
)
from instrd.training.folders.layouts import read_folder


def chosen(other: str = "", **split: Any) -> ClipRecipe:
    return changed(recipe(), labels=("drum", "guitar"), other=other, split=ClipSplit(**split))


def clip(name: str, label: str, group: str = "", part: Part = "") -> Clip:
    return Clip(Path(name), label, group, part)


def some(label: str, count: int, group: str = "", part: Part = "") -> list[Clip]:
    return [clip(f"{label}{group}{part}{k}", label, group, part) for k in range(count)]


def paths(parts: Parts, part: str) -> set[str]:
    return {str(example.path) for example in getattr(parts, part)}


def test_the_folders_own_parts_win_over_patterns() -> None:
    own = [*some("drum", 2, "a", "train"), *some("guitar", 2, "a", "train")]
    parts = divide([*own, *some("drum", 2, "a", "test")], chosen(test=("*",), validation=("*",)))
    assert paths(parts, "test") == {"drumatest0", "drumatest1"}
    assert len(parts.train) == 4


def test_patterns_hold_out_the_rest_of_what_lies_beside_a_folder_with_parts() -> None:
    own = [*some("drum", 2, "a", "train"), *some("guitar", 2, "a", "train")]
    tests = [*some("drum", 1, "b", "test"), *some("drum", 1, "c", "validation")]
    pool = [*some("drum", 2, "drum: stage"), *some("drum", 2, "drum: street")]
    parts = divide([*own, *tests, *pool], chosen(test=("*: stage",), validation=("*: street",)))
    assert len(parts.train) == 4
    assert {example.group for example in parts.test} == {"b", "drum: stage"}
    assert {example.group for example in parts.validation} == {"c", "drum: street"}


def test_patterns_tell_groups_apart_where_the_folder_does_not() -> None:
    clips = [
        *some("drum", 2, "drum: studio"),
        *some("drum", 2, "drum: stage"),
        *some("guitar", 2, "guitar: studio"),
        *some("guitar", 2, "guitar: street"),
    ]
    parts = divide(clips, chosen(test=("*: stage",), validation=("guitar: str*",)))
    assert {example.group for example in parts.test} == {"drum: stage"}
    assert {example.group for example in parts.validation} == {"guitar: street"}
    assert {example.group for example in parts.train} == {"drum: studio", "guitar: studio"}


def test_a_share_for_validation_takes_whole_groups_of_every_label() -> None:
    clips = [
        c
        for label in ("drum", "guitar")
        for group in range(10)
        for c in some(label, 1 + group % 4, f"{label}: {group}")
    ]
    parts = divide(clips, chosen(validation_share=0.2))
    held = {example.group for example in parts.validation}
    assert not held & {example.group for example in parts.train}
    for label in (0, 1):
        count = sum(example.label == label for example in parts.validation)
        assert 0.1 * 23 <= count <= 0.3 * 23
    assert divide(clips, chosen(validation_share=0.2)) == parts
    assert divide(clips, changed(chosen(validation_share=0.2), seed=8)) != parts


def test_a_share_for_validation_never_cuts_a_file_that_has_two_rows() -> None:
    names = [f"{k}.wav" for k in range(40)]
    clips = [clip(name, label) for name in names for label in ("drum", "guitar")]
    for seed in range(10):
        parts = divide(clips, changed(chosen(validation_share=0.3, test_share=0.0), seed=seed))
        assert parts.validation
        assert not paths(parts, "train") & paths(parts, "validation")
        assert len(parts.train) + len(parts.validation) == len(clips)


def test_a_folder_that_names_no_parts_gives_whole_groups_for_tests_the_same_for_every_seed() -> (
    None
):
    clips = [
        c
        for label in ("drum", "guitar")
        for group in range(20)
        for c in some(label, 1 + group % 2, f"{label}: {group}")
    ]
    made = chosen(validation_share=0.2)
    parts = divide(clips, made)
    tests = {example.group for example in parts.test}
    for label in (0, 1):
        assert 4 <= sum(example.label == label for example in parts.test) <= 6
    assert not tests & {example.group for example in (*parts.train, *parts.validation)}
    again = divide(clips, changed(made, seed=8))
    assert (again.test, again.validation != parts.validation) == (parts.test, True)


def test_five_clips_of_a_label_are_enough_for_tests_and_validation() -> None:
    parts = divide([*some("drum", 5), *some("guitar", 5)], chosen(validation_share=0.15))
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [6, 2, 2]


def test_no_tests_are_drawn_where_a_folder_names_a_part_or_a_pattern_a_test() -> None:
    parted = [*some("drum", 20, "", "train"), *some("guitar", 20, "", "train")]
    assert divide(parted, chosen()).test == ()
    named = [*some("drum", 20, "a"), *some("guitar", 20, "a"), *some("drum", 1, "b")]
    assert len(divide(named, chosen(test=("b",))).test) == 1


def test_drawn_tests_are_named_so_that_what_comes_to_the_folder_is_none_of_them(
    tmp_path: Path,
) -> None:
    for number in range(10):
        for label in ("drum", "guitar"):
            write(tmp_path / label / f"{number}.wav", hiss(number, 0.05))
            write(tmp_path / label / f"riff [{'abcdefghij'[number]}] 1.wav", hiss(number, 0.05))
    data = read_folder(tmp_path)
    parts = divide(data.clips, chosen())
    named = naming_tests(chosen(), data, parts)
    for number in range(10, 60):
        write(tmp_path / "drum" / f"{number}.wav", hiss(number, 0.05))
    drawn = [c.path for c in read_folder(tmp_path).clips if part_of(c, named) == "test"]
    assert drawn == [example.path for example in parts.test]
    assert len(drawn) == 6
    assert naming_tests(chosen(test=("*: riff*",)), data, parts).split.test == ("*: riff*",)


def test_no_share_is_taken_where_patterns_name_some() -> None:
    clips = [*some("drum", 5, "a"), *some("guitar", 5, "a"), *some("drum", 1, "b")]
    parts = divide(clips, chosen(validation=("b",), validation_share=0.5))
    assert {example.group for example in parts.validation} == {"b"}


def test_labels_that_are_not_the_recipes_become_its_other() -> None:
    clips = [*some("drum", 1), *some("guitar", 1), *some("harp", 2), *some("koto", 1)]
    parts = divide(clips, chosen(other="other"))
    assert parts.labels == ("drum", "guitar", "other")
    assert [example.label for example in parts.train] == [0, 1, 2, 2, 2]


def test_without_an_other_they_are_left_out() -> None:
    clips = [*some("drum", 1), *some("guitar", 1), *some("harp", 2)]
    parts = divide(clips, chosen())
    assert parts.labels == ("drum", "guitar")
    assert len(parts.train) == 2


def test_where_every_label_is_the_recipes_there_is_no_other() -> None:
    parts = divide([*some("drum", 1), *some("guitar", 1)], chosen(other="other"))
    assert parts.labels == ("drum", "guitar")


def test_a_label_without_a_clip_to_train_on_is_named() -> None:
    clips = [*some("drum", 2), *some("guitar", 2, "", "test")]
    with pytest.raises(TrainingError, match="no readable file of class guitar"):
        divide(clips, chosen())


def folder(root: Path, part: str, label: str, count: int) -> LabelledFolder:
    for number in range(count):
        write(root / part / label / f"{label}-{number}.wav", hiss(number, 0.05))
    return read_folder(root)


def test_several_folders_are_one_below_what_holds_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = folder(tmp_path / "one", "train", "drum", 2)
    two = folder(Path("deep") / "two", "test", "guitar", 3)
    both = together([one, two])
    assert both.root == tmp_path
    assert both.classes == ("drum", "guitar")
    assert [c.part for c in both.clips] == ["train"] * 2 + ["test"] * 3
    assert all(c.path.is_relative_to(tmp_path) and c.path.is_file() for c in both.clips)
    assert together([one]) is one


def test_what_lacks_its_partner_is_counted_of_several_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = (folder(Path(name), "train", "drum", 1) for name in ("one", "two"))
    write(Path("two") / "tests" / "a.wav", hiss(1, 0.05))
    assert strays(one) == []
    for name in ("a.M4A", "b.wma"):
        (Path("two") / "train" / "drum" / name).touch()
    both = together([one, read_folder(two.root)])
    assert strays(both) == [
        "1 file without a row: two/tests/a.wav",
        f"2 files {UNREAD}: two/train/drum/a.M4A, two/train/drum/b.wma",
    ]


def test_a_clip_that_is_a_link_to_elsewhere_stays_below_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    one, two = (folder(data / name, "train", "drum", 1) for name in ("one", "two"))
    write(tmp_path / "elsewhere.wav", hiss(7, 0.05))
    (data / "two" / "train" / "drum" / "linked.wav").symlink_to(tmp_path / "elsewhere.wav")
    both = together([one, read_folder(two.root)])
    assert len(both.clips) == 3
    assert all(c.path.is_relative_to(both.root) for c in both.clips)
