"""What hostile peers do: one attack on the ports of an instrd, from a process of its own.

    python benchmarks/attacks.py NAME --seconds 60 --plain PORT --secured PORT --server-key FILE

hostile_peers.py starts it. An attack is a round that several threads repeat until the time is up;
whatever the other side does about it ends a round and not the attack.
"""

import argparse
import itertools
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import zmq

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import zmtp

from instrd.clients.keyfile import read_public

THREADS = 4
MUTE_CONNECTIONS = 2000
PATIENCE_S = 1.0
"""So long may sending or receiving take before a round is over."""
REFUSALS_A_ROUND = 20
POST = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
    b'Content-Length: 18\r\n\r\n{"cmd":"shutdown"}'
)


@dataclass(frozen=True)
class Target:
    """An instrd on this machine."""

    plain: int
    secured: int
    """Ports."""
    server_key: bytes
    hello: bytes
    """The start of a handshake that is good for the key."""
    until_s: float
    """On the monotonic clock."""

    @property
    def open(self) -> bool:
        return time.monotonic() < self.until_s

    def connect(self, port: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        connection.settimeout(PATIENCE_S)
        return connection


def garbage(target: Target) -> None:
    for port in (target.plain, target.secured):
        with target.connect(port) as peer:
            peer.sendall(os.urandom(1 << 16))
            while peer.recv(1 << 16):
                pass


def mute(target: Target) -> None:
    """Hold many connections that say nothing, until they are cut."""
    with ExitStack() as opened:
        peers = [
            opened.enter_context(target.connect(target.plain))
            for _ in range(MUTE_CONNECTIONS // THREADS)
        ]
        while target.open and not _is_cut(peers[-1]):
            pass


def _is_cut(peer: socket.socket) -> bool:
    try:
        return not peer.recv(1 << 16)
    except TimeoutError:
        return False


def subscriptions(target: Target) -> None:
    """Subscribe to ever more topics."""
    with target.connect(target.plain) as peer:
        peer.sendall(zmtp.greeting() + zmtp.ready())
        for number in itertools.count():
            names = (b"\x01%d-%d" % (number, one) + bytes(200) for one in range(200))
            peer.sendall(b"".join(zmtp.frame(name) for name in names))
            if not target.open:
                return


def endless(target: Target) -> None:
    """Send a message that has ever more parts."""
    parts = zmtp.frame(bytes(1000), zmtp.MORE) * 64
    with target.connect(target.plain) as peer:
        peer.sendall(zmtp.greeting() + zmtp.ready())
        while target.open:
            peer.sendall(parts)


def http(target: Target) -> None:
    """Do what any web page can."""
    for port in (target.plain, target.secured):
        with target.connect(port) as peer:
            peer.sendall(POST)
            while peer.recv(1 << 16):
                pass


def wrong_keys(target: Target) -> None:
    """Shake hands with keys that nobody knows."""
    with zmq.Context() as context, ExitStack() as opened:
        for _ in range(REFUSALS_A_ROUND):
            peer = opened.enter_context(context.socket(zmq.SUB))
            peer.linger = 0
            peer.curve_publickey, peer.curve_secretkey = zmq.curve_keypair()
            peer.curve_serverkey = target.server_key
            peer.connect(f"tcp://127.0.0.1:{target.secured}")
        peer.poll(100)


def hello(target: Target) -> None:
    """Have the other side compute the answer to a good start of a handshake, and go away."""
    with target.connect(target.secured) as peer:
        peer.sendall(zmtp.greeting(b"CURVE") + target.hello)
        with peer.makefile("rb") as said:
            said.read(zmtp.GREETING_BYTES + 2)


ATTACKS: dict[str, Callable[[Target], None]] = {
    "garbage": garbage,
    "mute": mute,
    "subscriptions": subscriptions,
    "endless": endless,
    "http": http,
    "wrong-keys": wrong_keys,
    "hello": hello,
}


def repeat(attack: Callable[[Target], None], target: Target) -> None:
    while target.open:
        with suppress(OSError):
            attack(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ATTACKS)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--plain", type=int, required=True)
    parser.add_argument("--secured", type=int, required=True)
    parser.add_argument("--server-key", type=Path, required=True)
    chosen = parser.parse_args()
    key = read_public(chosen.server_key)
    with tempfile.TemporaryDirectory() as folder:
        said = zmtp.curve_hello(key, Path(folder))
    until_s = time.monotonic() + chosen.seconds
    target = Target(chosen.plain, chosen.secured, key, said, until_s)
    threads = [
        threading.Thread(target=repeat, args=(ATTACKS[chosen.name], target), daemon=True)
        for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(chosen.seconds + 2 * PATIENCE_S)


if __name__ == "__main__":
    main()
