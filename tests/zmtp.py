"""ZMTP as bytes (RFC 23), for peers that do what no library would do."""

import socket
from contextlib import closing
from pathlib import Path

import zmq
from zmq.utils import z85

GREETING_BYTES = 64
MORE, LONG, COMMAND = 1, 2, 4


def greeting(mechanism: bytes = b"NULL") -> bytes:
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def frame(body: bytes, flags: int = 0) -> bytes:
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | LONG]) + len(body).to_bytes(8, "big") + body


def ready(kind: bytes = b"XSUB") -> bytes:
    name = b"Socket-Type"
    value = len(kind).to_bytes(4, "big") + kind
    return frame(b"\x05READY" + bytes([len(name)]) + name + value, COMMAND)


def shaken(port: int, kind: bytes = b"XSUB") -> socket.socket:
    """Return a connection that has said what a subscriber says first."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(greeting() + ready(kind))
    return connection


def curve_hello(server_key: bytes, folder: Path) -> bytes:
    """Return a HELLO that is good for a server key, as libzmq's client says it.

    A server cannot know that it was said before.
    """
    with (
        closing(socket.socket(socket.AF_UNIX)) as server,
        zmq.Context() as context,
        context.socket(zmq.SUB) as client,
    ):
        client.linger = 0
        client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
        client.curve_serverkey = z85.decode(server_key)
        server.bind(str(folder / "hello"))
        server.listen()
        client.connect(f"ipc://{folder}/hello")
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as said:
            connection.sendall(greeting(b"CURVE"))
            said.read(GREETING_BYTES)
            head = said.read(2)
            return head + said.read(head[1])
