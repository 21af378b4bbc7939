"""Peers are asked by TCP, not by heartbeats of ZMTP, which cost a slow subscriber its process."""

import socket
import time
from contextlib import suppress
from pathlib import Path

import zmtp

from instrd.clients.subscriber import Subscriber
from instrd.daemon.publishing.broadcast import Broadcast
from instrd.daemon.publishing.messages import Setup

LONGER_THAN_A_HEARTBEAT_S = 1.5


def said_to(peer: socket.socket) -> bytes:
    """Return what the other side says for a while."""
    heard = b""
    peer.settimeout(0.1)
    until_s = time.monotonic() + LONGER_THAN_A_HEARTBEAT_S
    while time.monotonic() < until_s:
        with suppress(TimeoutError):
            heard += peer.recv(1 << 16)
    return heard


def is_asked_by_tcp(peer: socket.socket) -> bool:
    """Return whether the other end of a connection on this machine has set TCP's keepalive."""
    here, there = (f":{end[1]:04X}" for end in (peer.getpeername(), peer.getsockname()))
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
    timers = [row[5] for row in rows if row[1].endswith(here) and row[2].endswith(there)]
    return [timer[:2] for timer in timers] == ["02"]


def test_the_publisher_asks_subscribers_by_tcp_alone() -> None:
    with Broadcast(Setup(("tcp://127.0.0.1:*",), (), None)) as broadcast:
        (endpoint,) = broadcast.bound.plain
        with zmtp.shaken(int(endpoint.rpartition(":")[2])) as peer:
            heard = said_to(peer)
            assert is_asked_by_tcp(peer)
    assert b"READY" in heard
    assert b"PING" not in heard


def test_a_subscriber_asks_the_publisher_by_tcp_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Subscriber(f"tcp://127.0.0.1:{port}"):
            peer, _ = server.accept()
            with peer:
                peer.sendall(zmtp.greeting() + zmtp.ready(b"XPUB"))
                heard = said_to(peer)
                assert is_asked_by_tcp(peer)
    assert b"instrd/1/" in heard
    assert b"PING" not in heard
