"""Fixtures that many tests share."""

from pathlib import Path

import pytest
from tone_bundle import tone_bundle

from instrd.daemon.config import Config, ModelChoice


@pytest.fixture(params=["causal", "window"])
def tone_model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder that holds a bundle named `tones`, once of each kind."""
    tone_bundle(tmp_path / "bundles" / "tones", request.param)
    return tmp_path / "bundles"


@pytest.fixture
def tone_config(tone_model: Path) -> Config:
    """Return the defaults, but judged by the tone model."""
    return Config(model=ModelChoice(name="tones", folders=(str(tone_model),)))
