"""How well instrd, YAMNet and the teacher mn04 name the same sounds, and what each costs.

    python benchmarks/compare_peers.py --data POOL [--bundle models/bundles/base]
        [--yamnet FOLDER] [--teacher FOLDER]
        [--json FILE] [--rooms] [--all]

The material is what the bundle's recipe holds out of the pool, and none of it background. Cut
into single seconds and into pieces of 3 s, each louder than -50 dBFS, and taken whole (clips
with a loud second); of mixtures of such pieces (mixes.py) the predominant instrument is asked.
With --all it is the whole pool, for one that no training ever saw (gather_recordings.py).
With --rooms every clip sounds in a room (rooms.py), the pieces of a mixture each in its own.
Everyone hears the same cuts: instrd from a cold start in each, YAMNet and the teacher zero-shot
(peers.py). The four are the paper's labels with all others masked.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from call_cost import Cost, costs
from mixes import Hear, Piece, as_recorded, draw_mixes
from numpy.typing import NDArray
from peers import BundlePeer, Peer, TeacherPeer, YamNetPeer, open_bundle
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rooms import in_a_room

from instrd.training.folders.pool import Clip, divide, read_pool
from instrd.training.judged import FOUR
from instrd.training.recipe import Split
from instrd.training.teachers.teacher import Teacher
from instrd.training.teachers.yamnet import open_yamnet

Floats = NDArray[np.float32]

RATE_HZ = 16_000
"""Cuts are made at this rate; those of other peers are the same moments at theirs."""
LEVEL_DBFS = -50.0
WHOLE = "whole clips"
MIXES = "mixes of 3 s"
LENGTHS = {"1 s": RATE_HZ, "3 s": 3 * RATE_HZ}
EVERYWHERE = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One cut that a peer has judged; `scores` are one a label."""

    cut: str
    source: str
    label: str
    scores: Floats


@dataclass(frozen=True, slots=True)
class Figures:
    """How often a peer's likeliest label was the true one; a mean gives each label one say.

    None where there are no rows.
    """

    cut: str
    source: str
    peer: str
    four_rows: int
    four: float | None
    four_mean: float | None
    all_rows: int
    all: float | None
    all_mean: float | None


def cuts(signal: Floats) -> dict[str, list[tuple[int, int]]]:
    """Return (start, samples) of what is judged of a clip at RATE_HZ; all empty if it is soft.

    A clip shorter than a second is one second filled with zeros, as in `instrd-train evaluate`.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for cut, length in LENGTHS.items():
        starts = range(0, len(signal) - length + 1, length)
        if cut == "1 s" and len(signal) < length:
            starts = range(1)
        loud = [s for s in starts if _level_dbfs(signal[s : s + length], length) > LEVEL_DBFS]
        found[cut] = [(start, length) for start in loud]
    found[WHOLE] = [(0, len(signal))] if found["1 s"] else []
    return found


def _level_dbfs(sound: Floats, length: int) -> float:
    power = float(np.sum(sound.astype(np.float64) ** 2)) / length
    return float(10.0 * np.log10(power + 1e-12))


def judge(peers: Sequence[Peer], clip: Clip, hear: Hear) -> Iterator[tuple[str, Row]]:
    """Have every peer judge all cuts of a clip; yield the names of peers with their rows."""
    found = cuts(hear(clip, RATE_HZ))
    for peer in peers:
        signal = hear(clip, peer.rate_hz)
        for cut, places in found.items():
            if places:
                pieces = np.stack([_take(signal, place, peer.rate_hz) for place in places])
                for scores in peer.scores(pieces):
                    yield peer.name, Row(cut, clip.source, clip.label, scores)


def judge_mixes(
    peers: Sequence[Peer], clips: Sequence[Clip], hear: Hear
) -> Iterator[tuple[str, Row]]:
    """Have every peer judge mixtures of the loud pieces of 3 s; yield as `judge` does."""
    pieces = [piece for clip in clips for piece in _pieces(clip, hear)]
    for mix in draw_mixes(pieces):
        clip = mix.predominant
        for peer in peers:
            scores = peer.scores(mix.sound(hear, peer.rate_hz)[None])[0]
            yield peer.name, Row(MIXES, clip.source, clip.label, scores)


def _pieces(clip: Clip, hear: Hear) -> Iterator[Piece]:
    signal = hear(clip, RATE_HZ)
    for start, length in cuts(signal)["3 s"]:
        rms = float(np.sqrt(np.mean(signal[start : start + length].astype(np.float64) ** 2)))
        yield Piece(clip, start / RATE_HZ, (start + length) / RATE_HZ, rms)


def _take(signal: Floats, place: tuple[int, int], rate_hz: int) -> Floats:
    """Return the samples of a place, filled with zeros where the signal ends before it."""
    start, length = (samples * rate_hz // RATE_HZ for samples in place)
    piece = signal[start : start + length]
    return np.pad(piece, (0, length - len(piece)))


def figures(
    rows: Mapping[str, Sequence[Row]], labels: Sequence[str], four: Sequence[str]
) -> Iterator[Figures]:
    """Yield the figures of each cut, source and peer; the first source is all of them."""
    some = next(iter(rows.values()))
    for cut in (*LENGTHS, WHOLE, MIXES):
        sources = sorted({row.source for row in some if row.cut == cut})
        for source in (EVERYWHERE, *sources):
            for peer, judged in rows.items():
                own = [r for r in judged if r.cut == cut and source in {EVERYWHERE, r.source}]
                masked = [row for row in own if row.label in four]
                yield Figures(
                    cut,
                    source,
                    peer,
                    len(masked),
                    *_shares(masked, labels, four),
                    len(own),
                    *_shares(own, labels, labels),
                )


def _shares(
    rows: Sequence[Row], labels: Sequence[str], among: Sequence[str]
) -> tuple[float | None, float | None]:
    """Return the share of rows that came out right, and its mean over labels."""
    if not rows:
        return None, None
    columns = [labels.index(label) for label in among]
    chosen = np.stack([row.scores for row in rows])[:, columns].argmax(axis=1)
    truth = np.array([among.index(row.label) for row in rows])
    right = chosen == truth
    return float(right.mean()), float(np.mean([right[truth == k].mean() for k in set(truth)]))


def accuracy_table(found: Sequence[Figures]) -> Table:
    table = Table("cut", "source", "peer", "four: rows", "right", "mean", title="Likeliest label")
    for column in ("all labels: rows", "right", "mean"):
        table.add_column(column)
    for one in found:
        shares = [_percent(share) for share in (one.four, one.four_mean)]
        wide = [_percent(share) for share in (one.all, one.all_mean)]
        row = (one.cut, one.source, one.peer, str(one.four_rows), *shares)
        last = one.peer == found[-1].peer
        table.add_row(*row, str(one.all_rows), *wide, end_section=last)
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def cost_table(found: Sequence[Cost]) -> Table:
    table = Table("peer", "a call is", "CPU ms a call", "per 100 ms of sound", title="One thread")
    for one in found:
        table.add_row(one.peer, one.call, f"{one.call_ms:.3f}", f"{one.ms_per_100_ms:.3f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the pool")
    parser.add_argument("--bundle", type=Path, default=Path("models/bundles/base"))
    parser.add_argument("--yamnet", type=Path, help="a folder as of instrd-train teach")
    parser.add_argument("--teacher", type=Path, help="another, as of instrd-train teach")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rooms", action="store_true", help="have each clip sound in a room")
    parser.add_argument("--all", action="store_true", help="hear what is not held out too")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    bundle, labels = open_bundle(chosen.bundle)
    four = [label for label in FOUR if label in labels]
    teacher = Teacher(chosen.teacher) if chosen.teacher else None
    yamnet = open_yamnet(chosen.yamnet) if chosen.yamnet else None
    peers: list[Peer] = [BundlePeer(bundle, labels)]
    peers += [YamNetPeer(yamnet, labels)] if yamnet else []
    peers += [TeacherPeer(teacher, labels)] if teacher else []

    train, held_out = divide(
        read_pool(chosen.data), msgspec.convert(bundle.manifest.recipe["split"], Split)
    )
    asked = [*train, *held_out] if chosen.all else held_out
    known = [clip for clip in asked if clip.label in labels]
    hear = as_recorded(chosen.data)
    hear = in_a_room(hear) if chosen.rooms else hear
    rows: dict[str, list[Row]] = {peer.name: [] for peer in peers}
    for clip in track(known, "Judging", console=Console(stderr=True)):
        for name, row in judge(peers, clip, hear):
            rows[name].append(row)
    for name, row in judge_mixes(peers, known, hear):
        rows[name].append(row)
    accuracies, spent = list(figures(rows, labels, four)), costs(bundle, yamnet, teacher)
    console = Console(width=130)
    console.print(accuracy_table(accuracies), cost_table(spent))
    if chosen.json:
        told = {"accuracy": [asdict(a) for a in accuracies], "cost": [asdict(c) for c in spent]}
        chosen.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
