"""How many recordings `instrd classify` names, label by label.

    python benchmarks/named.py --data POOL [--model base] [--folder FOLDER]

Every clip of the pool is judged as `instrd classify` judges a file, with the default settings.
One whose label is no instrument of the model is right where none is named. For a pool that no
training saw (gather_recordings.py).
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from instrd.daemon.classify import classify
from instrd.daemon.config import Config
from instrd.daemon.decision import SILENCE, UNKNOWN
from instrd.daemon.hearing import Hearing
from instrd.training.folders.pool import Clip, read_pool


class Named(NamedTuple):
    """What a recording is, and what it was called."""

    label: str
    called: str


def named(pool: Path, clips: Iterable[Clip], hearing: Hearing) -> Iterator[Named]:
    for clip in clips:
        yield Named(clip.label, classify(pool / clip.path, hearing).decision)


def table(found: Iterable[Named], instruments: Collection[str]) -> Table:
    """Return a row a label: how many are right, unnamed, or wrong and then what they are called."""
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        by_label[one.label][UNKNOWN if one.called == SILENCE else one.called] += 1
    made = Table("label", "recordings", "right", "unknown", "wrong", "as")
    known = {label: called for label, called in by_label.items() if label in instruments}
    others = {label: called for label, called in by_label.items() if label not in instruments}
    for name, rows in (("all", known), ("no instrument", others)):
        total = Counter[str]()
        for label, called in sorted(rows.items()):
            counts = _counts(called, label if rows is known else UNKNOWN)
            _add(made, label, counts, _wrong_as(called, label))
            total += counts
        if rows:
            made.add_section()
            _add(made, name, total, "")
            made.add_section()
    return made


def _counts(called: Counter[str], truth: str) -> Counter[str]:
    right, unnamed = called[truth], called[UNKNOWN]
    wrong = called.total() - right - (unnamed if truth != UNKNOWN else 0)
    return Counter(n=called.total(), right=right, unnamed=unnamed, wrong=wrong)


def _wrong_as(called: Counter[str], label: str) -> str:
    wrong = {name: n for name, n in sorted(called.items()) if name not in {label, UNKNOWN}}
    return ", ".join(f"{name} {n}" for name, n in wrong.items())


def _add(made: Table, label: str, counts: Counter[str], wrong_as: str) -> None:
    columns = [str(counts[name]) for name in ("n", "right", "unnamed", "wrong")]
    made.add_row(label, *columns, wrong_as)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the pool")
    parser.add_argument("--model", default="base")
    parser.add_argument("--folder", action="append", default=[], help="where bundles lie too")
    chosen = parser.parse_args()
    default = Config()
    model = msgspec.structs.replace(default.model, name=chosen.model, folders=tuple(chosen.folder))
    hearing = Hearing(msgspec.structs.replace(default, model=model), "named")
    manifest = hearing.bundle.manifest
    instruments = set(manifest.labels) - set(manifest.background)
    clips = read_pool(chosen.data)
    watched = track(clips, "Judging", console=Console(stderr=True))
    Console(width=100).print(table(named(chosen.data, watched, hearing), instruments))


if __name__ == "__main__":
    main()
