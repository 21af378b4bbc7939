"""Sources that could be read at once, played at the real pace."""

import threading
import time

import numpy as np
import pytest

from instrd.daemon.sources import Block, open_source
from instrd.daemon.sources.pace import Paced

DEADLINE_S = 5.0


class Late:
    """Keeps the block before its last `stall` ones back for a while."""

    rate_hz = 1000
    description = "late"

    def __init__(self, blocks: int, stall: int) -> None:
        self._left = blocks
        self._stall = blocks - stall

    def read(self) -> Block | None:
        self._left -= 1
        if self._left == self._stall - 1:
            threading.Event().wait(0.1)
        return Block(np.zeros(20, np.float32), 0, 7) if self._left >= 0 else None

    def close(self) -> None:
        pass


def test_the_real_pace_is_neither_faster_nor_slower() -> None:
    source = open_source("synth:?seconds=0.3", pace="realtime")
    began_s = time.monotonic()
    samples = 0
    while (block := source.read()) is not None:
        samples += len(block.samples)
        assert time.monotonic() - began_s >= samples / source.rate_hz - 0.001
    assert samples == 14_400
    assert time.monotonic() - began_s < 0.3 + 0.15


def test_blocks_carry_the_time_at_which_they_are_due() -> None:
    source = open_source("synth:?seconds=0.2", pace="realtime")
    ends_us = []
    while (block := source.read()) is not None:
        ends_us.append(block.t_end_us)
        assert abs(block.t_end_us - time.time_ns() // 1000) < 100_000
    assert np.median(np.diff(ends_us)) == pytest.approx(50_000, abs=500)


def test_a_late_source_catches_up() -> None:
    source = Paced(Late(15, stall=5))
    began_s = time.monotonic()
    ends_us = []
    while (block := source.read()) is not None:
        ends_us.append(block.t_end_us)
    assert len(ends_us) == 15
    assert 7 in ends_us, "blocks that came too late keep their own time"
    assert time.monotonic() - began_s < 0.3 + 0.08


def test_the_clock_starts_with_the_first_block() -> None:
    source = Paced(Late(4, stall=0))
    assert source.read() is not None
    began_s = time.monotonic()
    while source.read() is not None:
        pass
    assert time.monotonic() - began_s > 0.04


def test_closing_wakes_a_waiting_read() -> None:
    # One block is due only after a second.
    source = Paced(open_source("synth:?rate=1000&tones=100&seconds=4", pace="fast"))
    ended: list[Block | None] = []

    def read_to_the_end() -> None:
        while (block := source.read()) is not None:
            ended.append(block)
        ended.append(None)

    reader = threading.Thread(target=read_to_the_end, name="reader")
    began_s = time.monotonic()
    reader.start()
    source.close()
    reader.join(DEADLINE_S)
    assert ended[-1] is None
    assert time.monotonic() - began_s < 0.2
