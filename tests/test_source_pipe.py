"""Raw samples through a pipe."""

import os
import select
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrd.daemon.errors import SourceError
from instrd.daemon.sources.pace import Paced
from instrd.daemon.sources.pipe import Pipe, PipeOptions
from instrd.daemon.sources.source import Block, Standing

DEADLINE_S = 5.0


class Looks:
    """Stands for `select`: finds no bytes so many times in a row, then what is there.

    With a `drip` that is one byte which comes only then.
    """

    def __init__(self, in_vain: int, drip: Callable[[], object] | None = None) -> None:
        self._each = self._in_vain = in_vain
        self._drip = drip

    def __call__(self, reading: list[int], *_: object) -> tuple[list[int], list[int], list[int]]:
        self._in_vain -= 1
        if self._in_vain >= 0:
            return [], [], []
        if self._drip:
            self._drip()
            self._in_vain = self._each
        return reading, [], []


def heard(pieces: list[bytes], options: PipeOptions) -> list[float]:
    """Write piece after piece, each when the one before has been read."""
    reading, writing = os.pipe()
    source = Pipe(reading, options, "fast")
    samples: list[float] = []
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading):
        frame = options.channels * {"s16le": 2, "s32le": 4, "f32le": 4}[options.format]
        unread = 0
        for piece in pieces:
            pipe.write(piece)
            unread += len(piece)
            if unread >= frame:
                block = source.read()
                assert isinstance(block, Block)
                samples.extend(block.samples)
                unread -= len(block.samples) * frame
        pipe.close()
        assert source.read() is None
    return samples


@settings(deadline=None, max_examples=50)
@given(
    channels=st.integers(1, 3),
    values=st.lists(st.integers(-(2**15), 2**15 - 1), max_size=40),
    cuts=st.lists(st.integers(0, 80), max_size=5),
)
def test_bytes_cut_anywhere_give_the_same_samples(
    channels: int, values: list[int], cuts: list[int]
) -> None:
    content = np.array(values, "<i2").tobytes()
    edges = [0, *sorted(cuts), len(content)]
    pieces = [content[a:b] for a, b in pairwise(edges)]
    whole = len(values) // channels * channels
    expected = np.array(values[:whole]).reshape(-1, channels).mean(axis=1) / 32768
    samples = heard(pieces, PipeOptions(channels=channels))
    assert samples == expected.astype(np.float32).tolist()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s16le", np.array([-(2**15), 2**14], "<i2").tobytes()),
        ("s32le", np.array([-(2**31), 2**30], "<i4").tobytes()),
        ("f32le", np.array([-1.0, 0.5], "<f4").tobytes()),
    ],
)
def test_every_format_has_the_same_full_scale(name: str, content: bytes) -> None:
    assert heard([content], PipeOptions(format=name)) == [-1.0, 0.5]  # type: ignore[arg-type]  # parametrised


def test_floats_that_are_not_finite_are_refused() -> None:
    with pytest.raises(SourceError, match="is format=f32le what is piped in"):
        heard([np.array([np.nan], "<f4").tobytes()], PipeOptions(format="f32le"))


@pytest.mark.parametrize(
    ("in_vain", "told"), [(3, []), (4, ["stalled", "running"]), (400, ["stalled", "running"])]
)
def test_a_pipe_that_brings_nothing_for_long_says_so_and_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, in_vain: int, told: list[str]
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading):
        pipe.write(bytes(4))
        source = Pipe(reading, PipeOptions(), "realtime")
        monkeypatch.setattr(select, "select", Looks(in_vain))
        items = [source.read() for _ in range(len(told) + 1)]
    assert [item.status for item in items if isinstance(item, Standing)] == told
    assert isinstance(items[-1], Block)
    assert len(items[-1].samples) == 2
    assert items[-1].anew  # it was waited for


@pytest.mark.parametrize(
    ("in_vain", "told"), [(2, []), (4, ["stalled", "running", "stalled", "running"])]
)
def test_a_pipe_that_drips_is_stalled_only_where_no_byte_comes_for_long(
    monkeypatch: pytest.MonkeyPatch, in_vain: int, told: list[str]
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading):
        source = Pipe(reading, PipeOptions(format="f32le"), "realtime")
        monkeypatch.setattr(select, "select", Looks(in_vain, lambda: pipe.write(bytes(1))))
        items = [source.read() for _ in range(len(told) + 2)]
    assert [item.status for item in items if isinstance(item, Standing)] == told


def test_a_block_tells_what_has_been_sent_behind_it_but_a_file_is_not_sent(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading):
        pipe.write(bytes(2 * 3000 + 1))
        block = Pipe(reading, PipeOptions(), "realtime").read()
        assert isinstance(block, Block)
        assert (len(block.samples), block.queued) == (2400, 600)
    (tmp_path / "sound.raw").write_bytes(bytes(2 * 3000))
    with (tmp_path / "sound.raw").open("rb") as file:
        block = Pipe(file.fileno(), PipeOptions(), "realtime").read()
        assert isinstance(block, Block)
        assert block.queued == 0


def test_how_a_pipe_fares_is_told_at_once_at_the_real_pace() -> None:
    reading, writing = os.pipe()
    source = Paced(Pipe(reading, PipeOptions(), "realtime"))
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading):
        assert source.read() == Standing("stalled", "no bytes for 0.4 s")
        pipe.write(bytes(2))
        assert source.read() == Standing("running")
        assert isinstance(source.read(), Block)


def test_closing_ends_a_waiting_read_soon() -> None:
    reading, writing = os.pipe()
    source = Pipe(reading, PipeOptions(), "realtime")
    got: list[Block | Standing | None] = []
    reader = threading.Thread(target=lambda: got.append(source.read()), name="reader")
    began_s = time.monotonic()
    reader.start()
    source.close()
    reader.join(DEADLINE_S)
    os.close(reading)
    os.close(writing)
    assert got == [None]
    assert time.monotonic() - began_s < 1.0
