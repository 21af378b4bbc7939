"""Peers that are gone without a word, as after a power cut, are noticed by TCP.

ZMTP's own heartbeats are of no use for it: a subscriber whose queue is full answers none of them,
is cut for it, and libzmq may abort its process when it reads on (zeromq/libzmq 3937, 4364, 4767).
"""

from typing import Final

import zmq

IDLE_S: Final = 10
"""After so long without a byte TCP asks whether the peer is there."""
ASK_EVERY_S, ASK_TIMES = 5, 4


def notice_the_gone(socket: zmq.Socket[bytes]) -> None:
    """Set what holds for all that the socket connects or binds from now on; ipc needs nothing."""
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, IDLE_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, ASK_EVERY_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, ASK_TIMES)
