"""The keys that guard what other machines can reach, read from their files as a whole."""

from dataclasses import dataclass
from pathlib import Path

from instrd.clients.keyfile import PUBLIC, KeyFileError, KeyPair, read_pair, read_public
from instrd.daemon.config import KeyFiles
from instrd.daemon.errors import ConfigError
from instrd.daemon.paths import expanded
from instrd.daemon.zap import Clients


@dataclass(frozen=True, slots=True)
class Security:
    """Our own keys, and whom we let in."""

    server: KeyPair
    clients: Clients


def read_security(files: KeyFiles) -> Security | None:
    """Return the keys, or None if none are set.

    Raises
    ------
    ConfigError
        Has one line for every file that is no good.
    """
    if not (files.server_key and files.clients):
        return None
    mistakes = []
    server_key = expanded(files.server_key, "security.server_key")
    folder = expanded(files.clients, "security.clients")
    try:
        server = read_pair(server_key)
    except KeyFileError as error:
        mistakes.append(f"security.server_key: {error}")
    clients = {}
    for path in _client_files(folder, mistakes):
        try:
            name = path.stem.encode(errors="replace").decode()  # it goes to another process
            clients[read_public(path)] = name
        except KeyFileError as error:
            mistakes.append(f"security.clients: {error}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return Security(server, clients)


def _client_files(folder: Path, mistakes: list[str]) -> list[Path]:
    """Return the public key files; a folder without any lets nobody in."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == PUBLIC)
    except OSError as error:
        mistakes.append(f"security.clients: {folder}: cannot be read: {error.strerror}")
        return []
