"""The models: is every bundle whole, and does the chosen one judge."""

import time
from collections.abc import Sequence
from pathlib import Path

from instrd.daemon.config import Config
from instrd.daemon.doctor.finding import Finding
from instrd.daemon.hearing import hearing_for_run
from instrd.models.bundle import read_bundle
from instrd.models.errors import BundleError
from instrd.models.members import find_members
from instrd.models.mistakes import key_shown


def check_bundle(folder: Path, folders: Sequence[Path]) -> Finding:
    """Say whether a bundle's files are what its manifest says."""
    check = f"bundle {folder.name}"
    try:
        bundle = read_bundle(folder)
        find_members(bundle.manifest, folders)
    except BundleError as error:
        # No fault of the model that is chosen, which is looked at by itself.
        return Finding(check, "warning", str(error), "get it anew or remove it")
    manifest = bundle.manifest
    found = f"{manifest.kind}, {len(manifest.labels)} labels, {bundle.sha256[:12]}"
    return Finding(check, "ok", found)


def check_model(config: Config) -> Finding:
    """Say whether the chosen model can be loaded, judges silence and fits the settings."""
    check = f"model {key_shown(config.model.name)}"
    began_s = time.monotonic()
    hearing = hearing_for_run(config, "doctor")
    took_s = time.monotonic() - began_s
    device = hearing.config.model.device
    return Finding(check, "ok", f"loaded in {took_s:.1f} s and judged silence on {device}")
