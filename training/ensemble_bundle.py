"""From the bundles of several models to the bundle of their ensemble."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from instrd.models.bundle import BUNDLED, Bundle, Manifest, Member, Vote, read_bundle, write_bundle
from instrd.models.members import find_members, longest
from instrd.training.bundle_place import name_for
from instrd.training.errors import TrainingError


def write_ensemble(folder: Path, members: Sequence[Path], vote: Vote) -> Bundle:
    """Write the bundle of an ensemble of the bundles in the folders `members`.

    It names them by name and checksum, so they have to lie beside it (or come along with instrd).
    In a weighted vote each has the weight of its accuracy in validation, else all have the same.
    """
    name = name_for(folder)
    if not members:
        raise TrainingError(folder, "got no member, allowed: one or more")
    bundles = [read_bundle(member) for member in members]
    beside = folder.absolute().parent.resolve()
    for member in members:
        if member.absolute().parent.resolve() not in {beside, BUNDLED.resolve()}:
            raise TrainingError(member, f"does not lie beside {folder}, where members are sought")
    weights = [_accuracy(bundle) if vote == "weighted" else 1.0 for bundle in bundles]
    try:
        manifest = _manifest(name, bundles, weights, vote)
    except ValueError as error:
        raise TrainingError(folder, str(error)) from error
    find_members(manifest, [beside])
    return write_bundle(folder, manifest, {})


def _manifest(
    name: str, bundles: Sequence[Bundle], weights: Sequence[float], vote: Vote
) -> Manifest:
    manifests = [bundle.manifest for bundle in bundles]
    model = longest(bundles)
    count = len(model.labels)
    return Manifest(
        name=name,
        description=f"What {', '.join(one.name for one in manifests)} say together.",
        kind="ensemble",
        architecture="ensemble",
        labels=model.labels,
        background=model.background,
        multi_label=model.multi_label,
        front_end=model.front_end,
        window_frames=model.window_frames,
        onset_lag_frames=model.onset_lag_frames,
        temperature=(1.0,) * count,
        bias=(0.0,) * count,
        threshold_on=_mean_thresholds("threshold_on", model.labels, manifests, weights),
        threshold_off=_mean_thresholds("threshold_off", model.labels, manifests, weights),
        members=tuple(
            Member(bundle.manifest.name, bundle.sha256, weight)
            for bundle, weight in zip(bundles, weights, strict=True)
        ),
        vote=vote,
        credits=tuple(dict.fromkeys(credit for one in manifests for credit in one.credits)),
    )


def _mean_thresholds(
    field: str, labels: Sequence[str], members: Sequence[Manifest], weights: Sequence[float]
) -> tuple[float, ...]:
    """Return the weighted mean of the members' thresholds, whatever the order of their labels.

    Labels and weights that make no sense are left for `find_members` and the manifest to refuse.
    """
    rows = [dict(zip(member.labels, getattr(member, field), strict=True)) for member in members]
    table = [[row.get(label, 0.0) for label in labels] for row in rows]
    shares = np.array(weights) / (sum(weights) or 1.0)
    return tuple(round(float(mean), 4) for mean in shares @ np.array(table))


def _accuracy(bundle: Bundle) -> float:
    validation = bundle.manifest.metrics.get("validation")
    got = validation.get("accuracy") if isinstance(validation, dict) else None
    if not isinstance(got, float) or not 0.0 <= got <= 1.0:
        raise TrainingError(
            bundle.folder,
            f"member {bundle.manifest.name}: got validation accuracy {got}, "
            "allowed: 0.0..1.0, which a weighted vote needs",
        )
    return got
