"""Fixtures that many tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from service_rig import Rig
from sounds import two_tones
from tone_bundle import tone_bundle, tone_ensemble

from instrd.daemon.config import Config, ModelChoice


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep frames out of the user's caches, in processes that tests start too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(scope="session", autouse=True)
def own_terminal() -> Iterator[None]:
    """Have one width, one terminal and buffers as a user has, whoever starts the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PYTHONUNBUFFERED"):
            patch.delenv(name, raising=False)
        patch.setenv("TERM", "xterm-256color")
        yield


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small batches gain nothing from threads, which wait for each other on a busy machine."""
    import torch  # noqa: PLC0415 - most tests need none

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["causal", "window", "ensemble"])
def tone_model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder that holds a bundle named `tones`, once of each kind."""
    folder = tmp_path / "bundles"
    if request.param == "ensemble":
        tone_ensemble(folder / "tones")
    else:
        tone_bundle(folder / "tones", request.param)
    return folder


@pytest.fixture
def tone_config(tone_model: Path) -> Config:
    """Return the defaults, but judged by the tone model."""
    return Config(model=ModelChoice(name="tones", folders=(str(tone_model),)))


@pytest.fixture
def rig(tone_config: Config) -> Rig:
    """Return a service that has not been started."""
    return Rig(tone_config)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a config file that chooses the tone model, a private endpoint and no control."""
    tone_bundle(tmp_path / "bundles" / "tones")
    path = tmp_path / "settings.toml"
    path.write_text(
        f"""
        [daemon]
        publish = ["ipc://{tmp_path}/out"]
        control = "ipc://{tmp_path}/private/control"
        [model]
        name = "tones"
        folders = ["{tmp_path}/bundles"]
        """
    )
    return path


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return a file of two tones; `sounds.TWO_TONES` says when which sounds."""
    path = tmp_path / "two.wav"
    soundfile.write(path, two_tones(48_000), 48_000)
    return path
