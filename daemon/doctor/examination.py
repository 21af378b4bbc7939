"""All checks, in the order of a start."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from instrd.daemon.config import Config
from instrd.daemon.configfile import read_config
from instrd.daemon.doctor.audio import (
    check_devices,
    check_holders,
    check_permission,
    check_portaudio,
    check_source,
)
from instrd.daemon.doctor.finding import Check, Finding, ask, wrong
from instrd.daemon.doctor.machine import check_clocks, check_ntp, check_versions
from instrd.daemon.doctor.model import check_bundle, check_model
from instrd.daemon.doctor.wire import check_control, check_directory, check_keys, check_publish
from instrd.daemon.errors import ConfigError
from instrd.daemon.hearing import model_folders
from instrd.models.bundle import list_bundles


def examine(config_path: Path | None) -> Iterator[Finding]:
    """Look at everything that `instrd run` with that config would need."""
    config = Config()
    if config_path is not None:
        try:
            config = read_config(config_path)
            yield Finding("config", "ok", f"{config_path}: good")
        except ConfigError as error:
            yield wrong("config", str(error), "what follows is about the defaults")
    for name, check in checks_of(config):
        yield ask(check, name)


def checks_of(config: Config) -> Iterator[tuple[str, Check]]:
    """Yield every check of these settings under its name."""
    yield "versions", check_versions
    yield "clocks", check_clocks
    yield "NTP", check_ntp
    try:
        folders = model_folders(config)
    except ConfigError:
        folders = []  # the check of the model tells
    for name, folder in list_bundles(folders).items():
        yield f"bundle {name}", partial(check_bundle, folder, folders)
    yield f"model {config.model.name}", partial(check_model, config)
    for endpoint in config.daemon.publish:
        yield f"publish {endpoint}", partial(check_publish, endpoint, config.security)
    yield "runtime directory", partial(check_directory, config.daemon.control)
    yield "keys", partial(check_keys, config.security)
    yield "control", partial(check_control, config.daemon.control)
    yield "PortAudio", check_portaudio
    yield "capture devices", check_devices
    yield "permission", check_permission
    yield "busy devices", check_holders
    for choice in config.source:
        yield f"source {choice.uri}", partial(check_source, choice)
