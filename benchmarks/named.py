"""How many recordings `instrd classify` names, label by label.

    python benchmarks/named.py --data POOL [--model base] [--folder FOLDER]

Every clip of the pool whose label is an instrument of the model is judged as `instrd classify`
judges a file, with the default settings. For a pool that no training saw (gather_recordings.py).
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
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
from instrd.training.errors import TrainingError
from instrd.training.pool import Clip, read_pool


class Named(NamedTuple):
    """What a recording is, and what it was called."""

    label: str
    called: str


def asked(pool: Path, hearing: Hearing) -> list[Clip]:
    """Return the clips of the model's instruments; raises `TrainingError` of none."""
    manifest = hearing.bundle.manifest
    labels = [label for label in manifest.labels if label not in manifest.background]
    clips = [clip for clip in read_pool(pool) if clip.label in labels]
    if not clips:
        raise TrainingError(pool, f"got no clips of {', '.join(labels)}, allowed any")
    return clips


def named(pool: Path, clips: Iterable[Clip], hearing: Hearing) -> Iterator[Named]:
    for clip in clips:
        yield Named(clip.label, classify(pool / clip.path, hearing).decision)


def table(found: Iterable[Named]) -> Table:
    """Return a row a label: how many are right, unnamed, or wrong and then what they are called."""
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        by_label[one.label][one.called] += 1
    made = Table("label", "recordings", "right", "unknown", "wrong", "as")
    total: Counter[str] = Counter()
    for label, called in sorted(by_label.items()):
        unnamed = called[UNKNOWN] + called[SILENCE]
        others = {name: n for name, n in called.items() if name not in {label, UNKNOWN, SILENCE}}
        counts = Counter(
            n=called.total(), right=called[label], unnamed=unnamed, wrong=sum(others.values())
        )
        wrong_as = ", ".join(f"{name} {n}" for name, n in sorted(others.items()))
        _add(made, label, counts, wrong_as)
        total += counts
    made.add_section()
    _add(made, "all", total, "")
    return made


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
    clips = asked(chosen.data, hearing)
    watched = track(clips, "Judging", console=Console(stderr=True))
    Console(width=100).print(table(named(chosen.data, watched, hearing)))


if __name__ == "__main__":
    main()
