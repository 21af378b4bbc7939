"""The supervisor's end of sd_notify: a datagram socket that keeps what it was told."""

import socket
from pathlib import Path
from typing import Self


class NotifySocket:
    """Listens at `address`; a path, or `@` and a name for one that no file stands for."""

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def told(self) -> list[dict[str, str]]:
        """Return the datagrams that have come since the last call."""
        datagrams: list[dict[str, str]] = []
        while True:
            try:
                text = self._socket.recv(65536).decode()
            except BlockingIOError:
                return datagrams
            datagrams.append(dict(line.split("=", 1) for line in text.splitlines()))
