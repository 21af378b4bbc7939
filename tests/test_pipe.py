"""Messages come whole through the pipe, whatever the pipe does to their bytes."""

import os
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrd.daemon.pipe import LENGTH, LONGEST, Inlet, Outlet
from instrd.daemon.recording.messages import Heard, Missing, Nothing, Said, decoder

SOON_S = 0.01


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            assert descriptor == writing  # a test has closed it


def received(inlet: Inlet[Said]) -> list[Said]:
    said = []
    while (one := inlet.receive(0.0)) is not None:
        said.append(one)
    return said


def heard(number: int, size: int = 4) -> Heard:
    return Heard(bytes(size), number, 0, 0)


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.lists(st.integers(0, 200), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 1000), max_size=8),
)
def test_bytes_cut_anywhere_give_the_same_messages(sizes: list[int], cuts: list[int]) -> None:
    sent = [heard(number, size) for number, size in enumerate(sizes)]
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    for one in sent:
        outlet.send(one)
    content = os.read(reading, 1 << 16)
    inlet, got = Inlet(reading, decoder), []
    edges = sorted({0, *(cut for cut in cuts if cut < len(content)), len(content)})
    for first, end in pairwise(edges):
        os.write(writing, content[first:end])
        got += received(inlet)
    inlet.close()
    os.close(reading)
    os.close(writing)
    assert got == sent


def test_a_full_pipe_keeps_nobody_and_takes_only_whole_messages(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet, inlet = Outlet(writing), Inlet(reading, decoder)
    taken = [number for number in range(100) if outlet.send(heard(number, 3000))]
    assert len(taken) < 100
    got = received(inlet)
    assert outlet.send(Nothing())
    got += received(inlet)
    inlet.close()
    assert got == [*(heard(number, 3000) for number in taken), Nothing()]


def test_a_message_that_its_writer_did_not_live_to_end_is_none(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet, inlet = Outlet(writing), Inlet(reading, decoder)
    outlet.send(Missing("gone", lasting=False))
    os.write(writing, LENGTH.pack(100) + b"half of")
    os.close(writing)
    assert inlet.receive(SOON_S) == Missing("gone", lasting=False)
    with pytest.raises(EOFError):
        inlet.receive(SOON_S)
    inlet.close()


def test_nothing_is_waited_for_longer_than_asked(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[0], decoder)
    assert inlet.receive(SOON_S) is None
    inlet.close()


def test_what_is_no_message_is_refused(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    inlet = Inlet(reading, decoder)
    os.write(writing, LENGTH.pack(LONGEST + 1))
    with pytest.raises(ValueError, match="allowed up to"):
        inlet.receive(SOON_S)
    inlet.close()


def test_without_a_reader_the_writer_is_told(pipe: tuple[int, int]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        Outlet(writing).send(Nothing())
    os.close(writing)
