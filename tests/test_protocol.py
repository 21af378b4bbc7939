"""The contract: one golden file per message, and what is no message."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_examples import EXAMPLES

from instrd.clients.codec import ProtocolError, decode, encode, topic
from instrd.clients.protocol import (
    TYPES,
    Account,
    Active,
    Heartbeat,
    Latency,
    Message,
)

HERE = Path(__file__).parent


def golden(name: str) -> tuple[str, bytes]:
    found = (HERE / "golden" / f"{name}.json").read_bytes()
    written_topic, payload = msgspec.json.decode(found, type=tuple[str, msgspec.Raw])
    return written_topic, msgspec.json.format(bytes(payload), indent=-1)


def test_every_message_has_a_golden_file_and_the_other_way_round() -> None:
    assert {path.stem for path in (HERE / "golden").glob("*.json")} == set(TYPES) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_is_written_as_its_golden_file_says(name: str) -> None:
    assert (topic(EXAMPLES[name]), encode(EXAMPLES[name])) == golden(name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_golden_file_is_read_as_its_message(name: str) -> None:
    assert decode(golden(name)[1]) == EXAMPLES[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_unknown_keys_are_ignored_because_messages_grow(name: str) -> None:
    grown = golden(name)[1][:-1] + b',"later":{"more":[1,2]}}'
    assert decode(grown) == EXAMPLES[name]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_do_not_leave(value: float) -> None:
    latency = Latency(wait=value, features=0.2, infer=0.6, total=12.4)
    with pytest.raises(ProtocolError):
        encode(msgspec.structs.replace(EXAMPLES["frame"], lat_ms=latency))


def test_nan_does_not_leave_as_null_where_null_is_allowed() -> None:
    heartbeat = EXAMPLES["heartbeat"]
    assert isinstance(heartbeat, Heartbeat)
    account = msgspec.structs.replace(heartbeat.sources["stage-left"], drift_ppm=float("nan"))
    with pytest.raises(ProtocolError, match="Heartbeat"):
        encode(msgspec.structs.replace(heartbeat, sources={"stage-left": account}))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("level", "rms_dbfs", -120.1),
        ("event", "p_peak", 1.01),
        ("event", "label", "piano/forte"),
        ("level", "source", "Stage Left"),
        ("level", "source", "mic1/"),
        ("level", "source", "m" * 33),
        ("level", "source", "mic1\n"),
        ("level", "clipped", "3"),
        ("level", "clipped", 2**63),
        ("bye", "exit_code", 2**63),
        ("bye", "t_pub_us", 253_402_214_400_000_000),
        ("gap", "reason", "bad luck"),
        ("frame", "p", (0.5,)),
        ("model", "thresholds_on", (0.5,)),
    ],
)
def test_what_breaks_the_contract_does_not_leave(name: str, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"not a message|differ in length"):
        encode(msgspec.structs.replace(EXAMPLES[name], **{field: value}))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b'{"type":"other"}',
        b'{"v":"1.0"}',
        b'{"type":"bye","reason":"x","exit_code":0,"later":' + b"[" * 100_000,
        b'{"type":"bye","reason":"\\ud800","exit_code":0}',
        b'{"type":"bye","reason":"x","exit_code":"0"}',
        b'{"type":"bye","reason":"x","exit_code":1e999}',
    ],
    ids=["nothing", "bytes", "type", "no-type", "deep", "surrogate", "text-for-number", "huge"],
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a message"):
        decode(payload)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_nothing_worse(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(payload)


def test_no_source_is_caught_by_the_prefix_of_another() -> None:
    one = msgspec.structs.replace(EXAMPLES["level"], source="mic1")
    ten = msgspec.structs.replace(EXAMPLES["level"], source="mic10")
    assert not topic(ten).startswith(topic(one))
    assert all(topic(message).endswith("/") for message in EXAMPLES.values())


def test_retained_is_said_only_where_it_is_true() -> None:
    assert b"retained" not in encode(EXAMPLES["state"])
    assert b'"retained":true' in encode(msgspec.structs.replace(EXAMPLES["state"], retained=True))


@pytest.mark.parametrize("kind", [Message, *TYPES.values(), Latency, Active, Account])
def test_the_page_for_users_names_every_field(kind: type[msgspec.Struct]) -> None:
    page = (HERE.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^### (\w+)[^\n]*\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    )
    envelope = () if kind is Message else Message.__struct_fields__
    for field in set(kind.__struct_fields__) - set(envelope):
        assert f"| `{field}` |" in sections[kind.__name__.lower()], field


def test_the_messages_on_the_page_for_users_are_whole() -> None:
    page = (HERE.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
    shown = page.partition("## Messages")[2].split("```")[1].removeprefix("json\n")
    for text in shown.replace("\n{", "\0{").split("\0"):
        message = decode(text.encode())
        assert json.loads(encode(message)) == json.loads(text)
