"""The bundles that an ensemble is made of, found by name and held to what it says of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from instrd.models.bundle import Bundle, Manifest, find_bundle
from instrd.models.errors import BundleError


def find_members(ensemble: Manifest, folders: Iterable[Path] = ()) -> list[Bundle]:
    """Return the members of an ensemble in its order, none of another kind of model.

    They are looked for as `find_bundle` does. Raises `BundleError` for one that is not there, is
    not the bundle that the manifest names, or does not fit the ensemble.
    """
    searched = tuple(folders)
    bundles = []
    for member in ensemble.members:
        bundle = find_bundle(member.name, searched)
        if bundle.sha256 != member.sha256:
            allowed = f"{member.sha256}; write the ensemble anew (instrd-train ensemble)"
            raise _misfit(ensemble, member.name, "SHA-256", bundle.sha256, allowed)
        _check_fit(ensemble, bundle.manifest)
        bundles.append(bundle)
    if bundles:
        _check_window(ensemble, bundles)
    return bundles


def longest(bundles: Sequence[Bundle]) -> Manifest:
    """Return the manifest of the one that looks back longest."""
    return max((bundle.manifest for bundle in bundles), key=lambda manifest: manifest.window_s)


def _check_fit(ensemble: Manifest, member: Manifest) -> None:
    if member.kind == "ensemble":
        raise _misfit(ensemble, member.name, "kind", member.kind, "causal, window")
    for field in ("labels", "background"):
        got, allowed = sorted(getattr(member, field)), sorted(getattr(ensemble, field))
        if got != allowed:
            raise _misfit(ensemble, member.name, field, ", ".join(got), ", ".join(allowed))
    if member.multi_label != ensemble.multi_label:
        told = member.multi_label, ensemble.multi_label
        raise _misfit(ensemble, member.name, "multi_label", *told)


def _check_window(ensemble: Manifest, bundles: Sequence[Bundle]) -> None:
    member = longest(bundles)
    got = (ensemble.window_frames, ensemble.front_end)
    if got not in [(b.manifest.window_frames, b.manifest.front_end) for b in bundles]:
        raise BundleError(
            ensemble.name, f"its front_end and window_frames are not those of member {member.name}"
        )
    if ensemble.window_s < member.window_s:
        raise BundleError(
            ensemble.name,
            f"looks back {ensemble.window_s} s, "
            f"allowed: as long as member {member.name}, {member.window_s} s",
        )


def _misfit(
    ensemble: Manifest, member: str, what: str, got: object, allowed: object
) -> BundleError:
    return BundleError(ensemble.name, f"member {member}: got {what} {got}, allowed {allowed}")
