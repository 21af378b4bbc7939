"""Config files at random, and what must be true of how they are read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from random_config import random_config

from instrd.daemon.config import Config
from instrd.daemon.configfile import read_config
from instrd.daemon.errors import ConfigError


@contextmanager
def target(folder: Path) -> Iterator[Callable[[Random], str]]:
    """Take files; tell whether each was read."""
    path = folder / "config.toml"

    def take(rng: Random) -> str:
        path.write_bytes(random_config(rng))
        try:
            config = read_config(path)
        except ConfigError as error:
            told = str(error)
        else:
            assert isinstance(config, Config)
            return "read"
        assert told.startswith(str(path)), told
        if "is not TOML" in told:
            return "refused, no TOML"
        first, *mistakes = told.splitlines()
        assert f" {len(mistakes)} mistake(s):" in first, told
        return "refused, with mistakes"

    yield take
