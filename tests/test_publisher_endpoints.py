"""Where a publisher may speak, and what it refuses."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from instrd.daemon.errors import WireError
from instrd.daemon.publisher import Publisher

ANYWHERE = "tcp://127.0.0.1:*"
HERE = Path(__file__).parent


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher([ANYWHERE], node="foh", run="run1", clock_us=lambda: 123) as opened:
        yield opened


def test_an_address_in_use_is_named_with_what_to_do(publisher: Publisher) -> None:
    taken = publisher.endpoints[0]
    with pytest.raises(WireError, match=rf"{taken}: the address is in use.*another port"):
        Publisher([taken], node="foh", run="run2")


@pytest.mark.parametrize("host", ["*", "0.0.0.0", "192.168.1.7", "eth0", "studio.local"])
def test_what_other_machines_could_reach_is_refused_for_want_of_keys(host: str) -> None:
    with pytest.raises(WireError, match="needs CURVE keys"):
        Publisher([f"tcp://{host}:5570"], node="foh", run="run1")


@pytest.mark.parametrize(
    "endpoint", ["tcp://127.0.0.1:99999", "udp://127.0.0.1:1", "5570", "ipc://here", "ipc://@name"]
)
def test_an_endpoint_that_is_none_is_refused_with_what_is_allowed(endpoint: str) -> None:
    with pytest.raises(WireError, match=r"cannot bind .*allowed"):
        Publisher([endpoint], node="foh", run="run1")


def test_an_ipc_endpoint_gets_a_directory_of_its_own_that_others_cannot_read(
    tmp_path: Path,
) -> None:
    with Publisher([f"ipc://{tmp_path}/new/wire.ipc"], node="foh", run="run1"):
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_second_publisher_does_not_take_an_ipc_path_over(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/wire.ipc"
    with (
        Publisher([endpoint], node="foh", run="run1"),
        pytest.raises(WireError, match="held by another instrd"),
    ):
        Publisher([endpoint], node="foh", run="run2")
    with Publisher([endpoint], node="foh", run="run3"):
        pass


def test_a_failed_start_gives_back_what_it_had_taken(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/wire.ipc"
    with pytest.raises(WireError):
        Publisher([endpoint, "tcp://*:5570"], node="foh", run="run1")
    with Publisher([endpoint], node="foh", run="run2"):
        pass


def test_a_file_at_an_ipc_path_survives(tmp_path: Path) -> None:
    precious = tmp_path / "wire.ipc"
    precious.write_text("precious")
    with pytest.raises(WireError, match="a file is there"):
        Publisher([f"ipc://{precious}"], node="foh", run="run1")
    assert precious.read_text() == "precious"


def test_an_ipc_path_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WireError, match=r"has \d+ bytes, allowed are 107"):
        Publisher([f"ipc://{tmp_path}/{'x' * 107}"], node="foh", run="run1")
