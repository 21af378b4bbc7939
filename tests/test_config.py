import os
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from fuzz_config import target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instrd.daemon.config import Config
from instrd.daemon.configfile import read_config
from instrd.daemon.errors import ConfigError

ROOT = Path(__file__).parent.parent


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_config_toml_equals_the_defaults_in_code() -> None:
    assert read_config(ROOT / "config.toml") == Config()


def test_config_toml_shows_every_setting() -> None:
    text = (ROOT / "config.toml").read_text()
    sections = [getattr(Config(), name) for name in Config.__struct_fields__]
    for section in sections:
        one = section[0] if isinstance(section, tuple) else section
        for name in getattr(one, "__struct_fields__", ()):
            assert f"\n{name} = " in text, name


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        colour = "red"
        [daemon]
        publish = "tcp://127.0.0.1:1"
        log_level = "loud"
        [[source]]
        uri = "mic:"
        id = "Big Mic"
        [analysis]
        hop_s = nan
        ring_s = "long"
        hops = 3
        [thresholds]
        piano = { on = 0.5 }
        """,
    )
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    told = str(caught.value)
    for mistake in (
        "colour: is not a setting; allowed: daemon, security, source",
        "daemon.publish: got 'tcp://127.0.0.1:1'",
        "daemon.log_level: got 'loud', allowed: debug, info, warning, error",
        "source[0].id: got 'Big Mic'",
        "analysis.hop_s: got nan",
        "analysis.ring_s: got 'long'",
        "analysis.hops: is not a setting",
        "thresholds.piano.off: is missing",
    ):
        assert mistake in told, told
    assert f"{path} has 8 mistake(s)" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[gate]\nopen_dbfs = -60.0", "gate.close_dbfs: got -56.0, allowed at most"),
        ("[thresholds]\npiano = {on = 0.2, off = 0.5}", "thresholds.piano.off: got 0.5"),
        ('[[source]]\nid = "a"\n[[source]]\nid = "a"', "the id 'a' stands twice"),
        ("source = []", "source: there is none"),
        ("[daemon]\npublish = []", "daemon.publish: there is none"),
        ("daemon = 3", "daemon: got 3, allowed: a table"),
        ('[security]\nserver_key = "a"', "security.clients: is missing"),
        ('[security]\nclients = "a"', "security.server_key: is missing"),
        ("[daemon", "is not TOML"),
        ("source = 3", "source: got 3, allowed: [[source]]"),
        ('[source]\nuri = "mic:"', "allowed: [[source]]"),
        ("thresholds = []", "thresholds: got [], allowed: a table [thresholds]"),
        ('[[source]]\nuri = "stdin:"\n[[source]]\nuri = "stdin:?rate=8000"', "stdin: stands twice"),
        ('[daemon]\npublish = ["ipc:///a", "ipc:///a"]', "daemon.publish: ipc:///a stands twice"),
        (
            '[daemon]\npublish = ["ipc:///a/b", "ipc:////a//./b"]',
            "publish: ipc:///a/b stands twice",
        ),
        (
            '[daemon]\npublish = ["tcp://127.0.0.1:6203", "tcp://127.0.0.1:06203"]',
            "daemon.publish: tcp://127.0.0.1:6203 stands twice",
        ),
        (
            '[daemon]\npublish = ["ipc:///a/b"]\ncontrol = "ipc:///a//b"',
            "daemon.control: ipc:///a/b stands in daemon.publish too",
        ),
        ("[[thresholds]]", "thresholds: got"),
        ('[[source]]\nid = "mic\\n"', "source[0].id: got"),
        ("a = " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("a = " + "9" * 9000, "is not TOML: Exceeds the limit"),
        ("source = 0x" + "f" * 9000, "source: got a number that is too long"),
        ('"mic\\n  gate" = 1', "'mic\\n  gate': is not a setting"),
        ("a = 1\n" + "#" * 262_144, "is larger than the allowed 262144 bytes"),
        ("[analysis]\nhop_s = 1.0\nring_s = 0.5", "analysis.max_late_hops: got 2 hops"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, text))
    assert told in str(caught.value)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rng=st.randoms(use_true_random=False))
def test_whatever_a_file_holds_it_is_read_or_refused_with_a_list(
    rng: Random, tmp_path: Path
) -> None:
    with target(tmp_path) as take:
        take(rng)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_bytes_are_read_or_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with suppress(ConfigError):
        read_config(path)


def test_ports_that_the_system_chooses_may_be_several(tmp_path: Path) -> None:
    text = '[daemon]\npublish = ["tcp://127.0.0.1:*", "tcp://127.0.0.1:*"]'
    assert len(read_config(written(tmp_path, text)).daemon.publish) == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot be read: No such file"):
        read_config(tmp_path / "nothing.toml")


def test_nobody_waits_for_a_pipe_that_took_the_place_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="is no regular file, and only such are read again"):
        read_config(path, again=True)
