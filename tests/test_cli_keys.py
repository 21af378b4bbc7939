"""The program with keys: made, checked, served, reloaded, followed from elsewhere."""

import os
import re
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from keys import Keys
from program import call, started

from instrd.clients.control import request
from instrd.clients.keyfile import read_pair, read_public
from instrd.clients.protocol import Bye, Heartbeat, Hello
from instrd.clients.subscriber import Subscriber


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.made(tmp_path / "keys")


@pytest.fixture
def secured(settings: Path, keys: Keys) -> Path:
    """Return settings that publish to other machines too."""
    publish_beyond(settings, keys.toml)
    return settings


def publish_beyond(settings: Path, security: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = settings.read_text().replace('publish = ["', f'publish = ["tcp://0.0.0.0:{port}", "')
    settings.write_text(f"{text}\n{security}")


def endpoint_of(settings: Path) -> str:
    return settings.read_text().split('publish = ["')[1].split('"')[0]


@pytest.fixture
def daemon(secured: Path) -> Iterator[Popen[str]]:
    with started("run", "--config", secured, "--source", "synth:?tones=440&seconds=60") as process:
        yield process
        process.terminate()


def refusal(keys: Keys, endpoint: str, name: str) -> str:
    """Return why a client is refused, or nothing if it hears something."""
    with keys.subscriber(endpoint, name) as subscriber:
        try:
            return "" if subscriber.receive(10) else "heard nothing"
        except ConnectionError as error:
            return str(error)


def until(done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 15
    while not done():
        assert time.monotonic() < deadline_s


def test_keygen_makes_a_pair_and_says_what_to_do_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("keygen", "foh", "--folder", tmp_path) == 0
    told = capsys.readouterr().out
    for expected in ("server_key = ", "clients = ", "foh.key_secret", "--server-key", "SIGHUP"):
        assert expected in told
    assert read_pair(tmp_path / "foh.key_secret").public == read_public(tmp_path / "foh.key")
    assert call("keygen", "foh", "--folder", tmp_path) == 2
    assert "is there already" in capsys.readouterr().err


def test_keys_lie_in_the_users_config_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert call("keygen", "foh") == 0
    assert (tmp_path / "instrd" / "foh.key_secret").is_file()


def test_check_config_looks_at_the_keys_too(
    secured: Path, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check-config", secured) == 0
    keys.secret("server").chmod(0o644)
    (keys.folder / "clients" / "odd.key").write_text("nothing")
    assert call("check-config", secured) == 2
    error = capsys.readouterr().err
    assert "2 mistake(s)" in error
    assert "server.key_secret: other users may read this secret" in error
    assert "odd.key: holds no line public-key" in error
    assert call("run", "--config", secured) == 2
    assert "other users may read" in capsys.readouterr().err


def test_a_client_whose_file_has_no_name_that_is_text_is_named_as_well_as_can_be(
    tmp_path: Path,
) -> None:
    keys = Keys.made(tmp_path / "keys")
    odd = Path(os.fsdecode(os.fsencode(keys.folder / "clients") + b"/caf\xe9.key"))
    odd.write_bytes(keys.public("stranger").read_bytes())
    assert sorted(keys.read().clients.values()) == ["caf?", "friend"]


def test_without_keys_the_refusal_says_how_to_make_them(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--config", settings, "--publish", "tcp://0.0.0.0:5570") == 2
    assert "instrd keygen" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["signal", "command"])
def test_reloading_lets_in_and_shuts_out_and_ignores_a_broken_list(
    daemon: Popen[str], secured: Path, keys: Keys, tmp_path: Path, how: str
) -> None:
    endpoint = endpoint_of(secured)

    def reload() -> None:
        if how == "signal":
            daemon.send_signal(signal.SIGHUP)
        else:
            request(f"ipc://{tmp_path}/private/control", "reload", timeout_s=10)

    with keys.subscriber(endpoint, "friend") as friend:
        until(lambda: friend.receive(1) is not None)
        assert "does not know this key" in refusal(keys, endpoint, "stranger")
        keys.let_in("stranger")
        keys.shut_out("friend")
        reload()
        until(lambda: not refusal(keys, endpoint, "stranger"))
        assert "does not know this key" in refusal(keys, endpoint, "friend")
        broken = keys.folder / "clients" / "broken.key"
        broken.write_text("nothing")
        keys.shut_out("stranger")
        reload()
        for _ in range(2):  # by then it has been obeyed
            until(lambda: isinstance(friend.receive(1), Heartbeat))
        assert not refusal(keys, endpoint, "stranger")
        daemon.terminate()
        told = list(friend)
        assert isinstance(told[-1], Bye)
        assert not friend.lost
    errors = daemon.communicate(timeout=10)[1].replace("\n", "")
    assert "WARNING" in errors
    assert "broken.key" in errors


def test_tail_follows_with_keys_and_says_why_it_cannot(
    daemon: Popen[str], secured: Path, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    here = endpoint_of(secured).replace("0.0.0.0", "127.0.0.1")
    with keys.subscriber(here, "friend") as friend:
        until(lambda: isinstance(friend.receive(1), Hello))
    connect: list[str | Path] = [
        "tail",
        "--connect",
        here,
        "--server-key",
        keys.public("server"),
        "--key",
    ]
    with started(*connect, keys.secret("friend")) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline()
        follower.terminate()
    assert call(*connect, keys.secret("stranger")) == 2
    assert "does not know this key" in capsys.readouterr().err
    assert call(*connect, keys.public("friend")) == 2
    assert "friend.key: " in capsys.readouterr().err


def test_the_dashboard_of_a_daemon_without_plain_endpoint_is_left_out(
    secured: Path, two: Path, keys: Keys
) -> None:
    endpoint = endpoint_of(secured)
    arguments: list[str | Path] = [
        "--publish",
        endpoint,
        "--source",
        two,
        "--pace",
        "fast",
        "--dashboard",
    ]
    with started("run", "--config", secured, *arguments) as daemon:
        out, errors = daemon.communicate(timeout=60)
    assert daemon.returncode == 0
    assert "no dashboard without a plain endpoint" in errors.replace("\n", "")
    assert "bye: all sources ended" in out


def test_the_steps_for_other_machines_in_the_docs_lead_to_a_first_line(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    page = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text(encoding="utf-8")
    steps = page.partition("**Other machines.**")[2].partition("```")[0]
    studio, stage, tail = re.findall(r"`instrd ((?:keygen|tail) [^`]+)`", steps)
    there, here = tmp_path / "there", tmp_path / "here"
    for machine, command in ((there, studio), (here, stage)):
        (machine / "clients").mkdir(parents=True)
        monkeypatch.chdir(machine)
        assert call(*shlex.split(command)) == 0
    shutil.copy("stage.key", there / "clients")
    shutil.copy(there / "studio.key", ".")
    keys = f'server_key = "{there}/studio.key_secret"\nclients = "{there}/clients"\n'
    publish_beyond(settings, f"[security]\n{keys}")
    assert call("check-config", settings) == 0
    follow = tail.replace(
        "tcp://studio:5571", endpoint_of(settings).replace("0.0.0.0", "127.0.0.1")
    )
    with started("run", "--config", settings, "--source", "synth:?tones=440") as daemon:
        with Subscriber(f"ipc://{tmp_path}/out") as subscriber:
            until(lambda: subscriber.receive(1) is not None)
        with started(*shlex.split(follow)) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline()
            follower.terminate()
        daemon.terminate()


def test_one_key_of_two_is_one_sentence(keys: Keys, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("tail", "--key", keys.secret("friend")) == 2
    assert "instrd: got one of server key and key, allowed: both or none" in capsys.readouterr().err


def test_a_subscriber_here_needs_no_keys(daemon: Popen[str], tmp_path: Path) -> None:
    with Subscriber(f"ipc://{tmp_path}/out") as subscriber:
        until(lambda: subscriber.receive(1) is not None)
