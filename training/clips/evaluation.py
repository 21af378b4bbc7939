"""How good a one-label bundle is on clips held out from its training, heard hop by hop as live.

A piece is judged by the plain mean of its judgements, which `instrd classify` and evaluation.py
weigh by how much they heard (models/pooling.py).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.audiofile import read_audio
from instrd.models.bundle import Bundle, read_bundle, write_bundle
from instrd.models.classifier import Classifier
from instrd.models.errors import AudioFileError
from instrd.models.frontend import FrameStream
from instrd.models.registry import load_classifier
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.split import name_of, part_of
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import Clip, LabelledFolder
from instrd.training.folders.pool import resample
from instrd.training.judged import LEVEL_DBFS, Judged, summary
from instrd.training.mixtures.export import rounded
from instrd.training.progress import Watch, unwatched

Floats = NDArray[np.float32]

PIECES_S = {"pieces_1s": 1.0, "pieces_3s": 3.0, "clips": None}
"""What is judged: single seconds, stretches of three, whole clips."""
HOP_S = 0.2
"""Between judgements, whose mean judges a piece."""


def evaluate_clips(
    bundle_folder: Path, folder: LabelledFolder, watch: Watch = unwatched
) -> dict[str, Any]:
    """Measure a bundle on the test clips of its recipe's split; write that into its manifest.

    Clips of labels that it does not know are left out and counted.
    """
    bundle = read_bundle(bundle_folder)
    recipe = recipe_of(bundle)
    tests = [clip for clip in folder.clips if part_of(clip, recipe) == "test"]
    labels = bundle.manifest.labels
    clips = [clip for clip in tests if name_of(clip.label, recipe) in labels]
    classifier = load_classifier(bundle, folders=[bundle_folder.parent])
    judged = list(listen_to(classifier, recipe, watch(clips, bundle.manifest.name, len(clips))))
    if not judged:
        reason = "has no test clip of its labels that can be heard; put some recordings below test/"
        raise TrainingError(folder.root, reason)
    measured: dict[str, Any] = rounded(summary(judged, bundle.manifest))
    if unknown := Counter(
        clip.label for clip in tests if name_of(clip.label, recipe) not in labels
    ):
        measured["left_out"] = dict(sorted(unknown.items()))
    manifest = msgspec.structs.replace(
        bundle.manifest, metrics={**bundle.manifest.metrics, "held_out": measured}
    )
    write_bundle(bundle_folder, manifest, {})
    return measured


def is_of_clips(bundle_folder: Path) -> bool:
    """Tell whether a bundle gives a clip one label, rather than any number."""
    return not read_bundle(bundle_folder).manifest.multi_label


def recipe_of(bundle: Bundle) -> ClipRecipe:
    """Return the recipe of a bundle; of an ensemble, that of its first member."""
    if bundle.manifest.members:
        first = bundle.manifest.members[0].name
        bundle = read_bundle(bundle.folder.parent / first)
    try:
        return msgspec.convert(bundle.manifest.recipe, ClipRecipe)
    except msgspec.ValidationError as error:
        raise TrainingError(
            bundle.folder, f"was not made by a recipe for clips: {error}"
        ) from error


def listen_to(
    classifier: Classifier, recipe: ClipRecipe, clips: Iterable[Clip]
) -> Iterator[Judged]:
    """Judge the pieces of each clip that can be read and is not too quiet."""
    for clip in clips:
        try:
            signal, rate_hz = read_audio(clip.path)
        except AudioFileError:
            continue  # listed and left out when the model was trained
        pieces = {
            kind: judge(classifier, loud, rate_hz)
            for kind, length_s in PIECES_S.items()
            if (loud := loud_pieces(signal, rate_hz, length_s))
        }
        if pieces:
            source = clip.group.partition(": ")[2] or clip.group
            yield Judged(name_of(clip.label, recipe), source, pieces)


def loud_pieces(signal: Floats, rate_hz: int, length_s: float | None) -> list[Floats]:
    """Cut a signal into pieces of a length (None: the whole) and return those over the gate.

    What is left behind the last whole piece is left out; a shorter signal is one piece.
    """
    length = len(signal) if length_s is None else round(length_s * rate_hz)
    count = max(1, len(signal) // length)
    pieces = [signal[k * length : (k + 1) * length] for k in range(count)]
    least = 10.0 ** (LEVEL_DBFS / 10.0)
    return [piece for piece in pieces if np.mean(piece.astype(np.float64) ** 2) > least]


def judge(classifier: Classifier, pieces: Sequence[Floats], rate_hz: int) -> Floats:
    """Judge each piece from a cold start; return the means of its judgements (n, labels).

    Pieces of equal length go through the model together, hop by hop.
    """
    front_ends = classifier.front_ends
    streams = [[FrameStream(front_end) for front_end in front_ends] for _ in pieces]
    signals = [[resample(piece, rate_hz, f.rate_hz) for f in front_ends] for piece in pieces]
    memories = [classifier.start() for _ in pieces]
    hops = max(1, int(len(pieces[0]) / rate_hz / HOP_S))
    judged = []
    for hop in range(hops):
        frames = [
            tuple(
                stream.feed(_part(signal, hop, hops))
                for stream, signal in zip(own, sounds, strict=True)
            )
            for own, sounds in zip(streams, signals, strict=True)
        ]
        judged.append(np.stack(classifier.feed(frames, memories)))
    mean: Floats = np.mean(judged, axis=0)
    return mean


def _part(signal: Floats, hop: int, hops: int) -> Floats:
    return signal[len(signal) * hop // hops : len(signal) * (hop + 1) // hops]
