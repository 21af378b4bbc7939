"""Keys on disk: a server's and those of its clients."""

from dataclasses import dataclass
from pathlib import Path

from instrd.clients.keyfile import make_pair
from instrd.clients.subscriber import Subscriber
from instrd.daemon.config import KeyFiles
from instrd.daemon.security import Security, read_security


@dataclass(frozen=True)
class Keys:
    """A folder with the pairs `server`, `friend` and `stranger`; only the friend is known."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "Keys":
        for name in ("server", "friend", "stranger"):
            make_pair(name, folder)
        (folder / "clients").mkdir()
        keys = cls(folder)
        keys.let_in("friend")
        return keys

    def public(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def secret(self, name: str) -> Path:
        return self.folder / f"{name}.key_secret"

    def let_in(self, name: str) -> None:
        (self.folder / "clients" / f"{name}.key").write_bytes(self.public(name).read_bytes())

    def shut_out(self, name: str) -> None:
        (self.folder / "clients" / f"{name}.key").unlink()

    @property
    def files(self) -> KeyFiles:
        return KeyFiles(str(self.secret("server")), str(self.folder / "clients"))

    @property
    def toml(self) -> str:
        files = self.files
        return f'[security]\nserver_key = "{files.server_key}"\nclients = "{files.clients}"\n'

    def read(self) -> Security:
        security = read_security(self.files)
        assert security is not None
        return security

    def subscriber(self, endpoint: str, name: str, server: str = "server") -> Subscriber:
        """Return a subscriber on this machine, who is treated as one from elsewhere."""
        here = endpoint.replace("0.0.0.0", "127.0.0.1")
        return Subscriber(here, server_key=self.public(server), key=self.secret(name))
