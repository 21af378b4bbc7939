import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from labelled_audio import hiss, kaggle, write
from made_up_runs import RECIPES, MadeUp, result

from instrd.training.reproduction.explanation import leak_shares, start_of
from instrd.training.reproduction.label_ceiling import LabelCeiling
from instrd.training.reproduction.report import markdown_table, report, write_pictures
from instrd.training.reproduction.reproduce import reproduce
from instrd.training.reproduction.reproduction import Reproduction, Trial
from instrd.training.reproduction.summary import MODELS, Cell, cells
from instrd.training.results import Epoch

VOID = {"meta", "img", "br"}
NOTICE = "This is NOT the data set but <noise>."


class Tags(HTMLParser):
    """Keeps which tags are open, and what has been said."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += " ".join(data.split()) + " "


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    """A reproduction on a miniature with the faults of the paper's tables."""
    root = tmp_path_factory.mktemp("data")
    drums = [f"kick-{n}0000.wav" for n in range(1, 4)]
    train = [(name, f"Sound_{label}") for label in ("Drum", "Violin") for name in drums]
    train += [("rock_1_100BPM.wav", "Guitar"), ("etude-70000.wav", "Piano")]
    test = [
        ("tom-80000.wav", "Drum"),
        ("rock_1_120BPM.wav", "Guitar"),
        ("solo-60000.wav", "Guitar"),
    ]
    test += [("x-90000.wav", "Piano"), ("violin_b.wav", "Violin")]
    kaggle(root, train, test)
    write(root / "Train_submission" / "violin_a (1).wav", hiss(99))
    (root / "README.txt").write_text(NOTICE)
    run = tmp_path_factory.mktemp("run")
    return reproduce(
        root, run, paper_recipes=RECIPES, our_recipes=RECIPES, seeds=2, fit=MadeUp(skill=0.9)
    )


@pytest.fixture(scope="module")
def html(done: Reproduction) -> str:
    return report(done)


@pytest.fixture(scope="module")
def page(html: str) -> Tags:
    return read(html)


def test_the_page_needs_nothing_from_elsewhere_and_closes_what_it_opens(
    html: str, page: Tags
) -> None:
    assert page.open == []
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    assert not re.search(r"https?://|<script|@import|url\(", html)
    assert len(html) < 5_000_000


def test_it_shows_every_model_with_its_pictures(page: Tags) -> None:
    assert all(name in page.text for name in MODELS.values())
    panels, fitted_in_epochs, overview = 6 * 4, 4 * 4, 1
    assert len(page.addresses) == panels + fitted_in_epochs + overview


def test_it_tells_what_the_published_labels_allow(page: Tags) -> None:
    assert "It gets 3.5 of 5 test clips right (70.0 %) where ties are tossed, 3 where" in page.text
    assert "Equally many rows speak for another label: drum." in page.text
    assert "Cannot be learnt from these rows at all: violin." in page.text
    measured = "1 of 1 drum, 1.5 of 2 guitar, 1 of 1 piano and 1 of 1 violin clips right."
    assert f"on published labels, mean over 5 models: {measured}" in page.text


def test_where_the_paper_has_as_many_clips_its_figures_are_told_beside_these(
    done: Reproduction,
) -> None:
    assert done.ceiling is not None
    scaled = [msgspec.structs.replace(row, tests=20) for row in done.ceiling.classes]
    ceiling = LabelCeiling(tuple(scaled))
    told = read(report(msgspec.structs.replace(done, ceiling=ceiling, trials=()))).text
    assert "in clips: CNN 51 (above the best), LSTM 46 (above the best), SVM 36" in told
    assert "and Transformer 20 (above the best)." in told


def test_it_tells_how_small_the_test_is_and_how_it_leaks(page: Tags) -> None:
    assert "At 5 test clips an accuracy of one half is known to" in page.text
    assert "CNN 52.8 to 73.4 %, LSTM" in page.text
    assert "and Transformer 16.8 to 35.5 %." in page.text
    assert "Of 24 comparisons 0 are beyond chance (*); 1.2 would be" in page.text
    assert "Under published labels 1 of 5 test clips are" in page.text
    assert "do better in 8 of 24 cases; the mean difference is +8.3 points." in page.text


def test_it_tells_when_the_transformer_leaves_chance_and_where_it_ends(page: Tags) -> None:
    assert "8 of 8 runs leave chance on their train clips, the first in epoch 4" in page.text
    assert "after at most 4 steps, the last in epoch 6, after at most 6." in page.text
    assert "On the test clips they end at 80.0 %." in page.text
    assert "train at the end best validation labels named" in " ".join(page.text.split())


def test_a_stand_in_says_so_in_its_own_words(html: str, page: Tags) -> None:
    assert NOTICE in page.text
    assert "<noise>" not in html


@pytest.mark.parametrize("finished", [0, 1, 7])
def test_a_part_of_it_can_be_told(done: Reproduction, finished: int) -> None:
    part = msgspec.structs.replace(done, trials=done.trials[:finished])
    told = read(report(part))
    assert told.open == []
    assert f"{part.runs} of 40 runs are finished" in told.text


def test_without_corrected_labels_no_ceiling_is_told(done: Reproduction) -> None:
    plain = msgspec.structs.replace(done, ceiling=None, trials=done.trials[:1])
    assert "ceiling" not in read(report(plain)).text


def test_the_pictures_are_written_as_png(done: Reproduction, tmp_path: Path) -> None:
    first = msgspec.structs.replace(done, trials=done.trials[:1])
    written = write_pictures(first, tmp_path)
    assert {file.name for file in written} == {
        "accuracies.png",
        "confusion-cnn-paper-published.png",
        "curves-cnn-paper-published.png",
    }
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in written)


def test_the_table_for_markdown_has_a_line_for_each_model(done: Reproduction) -> None:
    lines = markdown_table(done).splitlines()
    assert len(lines) == 2 + len(MODELS)
    assert {line.count("|") for line in lines} == {7}
    assert lines[2].startswith("| CNN | 63.75 % | ")


def test_leaking_clips_are_compared_with_others_of_their_classes() -> None:
    answers = {
        "leak.wav": ("piano", "piano"),
        "same.wav": ("piano", "drum"),
        "else.wav": ("drum", "drum"),
    }
    trial = Trial(
        family="paper", labels="published", model="cnn", seed=0, recipe=None, result=result(answers)
    )
    cell = Cell("cnn", ("paper", "published"), (trial,))
    assert leak_shares(cell, frozenset({"leak.wav"})) == (1.0, 0.0)
    assert leak_shares(cell, frozenset()) is None


def test_a_run_that_stays_at_chance_never_leaves_it(done: Reproduction) -> None:
    (trial, *_) = cells(done)["transformer", ("paper", "published")].trials
    result = msgspec.structs.replace(trial.result, history=(Epoch(1.4, 0.25),) * 5)
    stuck = msgspec.structs.replace(trial, result=result)
    start = start_of(stuck, done.facts[0])
    assert start is not None
    assert start.left_in is None
    assert start.chance == 0.25
    told = read(report(msgspec.structs.replace(done, trials=(stuck,)))).text
    assert "None of the 1 runs leaves chance on its train clips." in told
