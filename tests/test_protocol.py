"""The contract: one golden file per message, and what is no message."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrd.clients.codec import ProtocolError, decode, encode, topic
from instrd.clients.protocol import (
    TYPES,
    Account,
    Active,
    AnyMessage,
    Bye,
    Event,
    Frame,
    Gap,
    Heartbeat,
    Hello,
    Latency,
    Level,
    Message,
    Model,
    State,
    Status,
)

HERE = Path(__file__).parent
LABELS = ("drum", "guitar", "piano", "violin")

EXAMPLES: dict[str, AnyMessage] = {
    "frame": Frame(
        node="foh",
        run="k3v9x2",
        seq=18233,
        t_pub_us=1790000003160211,
        source="stage-left",
        epoch=2,
        rate_hz=44100,
        s0=5292000,
        s1=5336100,
        t0_us=1790000002120000,
        t1_us=1790000003120000,
        level_dbfs=-23.4,
        peak_dbfs=-9.1,
        gate="open",
        model="base",
        labels=LABELS,
        p=(0.05, 0.11, 0.81, 0.03),
        p_smooth=(0.06, 0.13, 0.77, 0.04),
        active=("piano",),
        decision="piano",
        reason="ok",
        members={"cnn": "piano", "svm": "guitar"},
        lat_ms=Latency(wait=9.0, features=0.2, infer=0.6, total=12.4),
        skipped=0,
    ),
    "event": Event(
        node="foh",
        run="k3v9x2",
        seq=7,
        t_pub_us=1790000003160300,
        source="stage-left",
        event="on",
        id="k3v9x2-000007",
        label="piano",
        t_on_us=1790000002120000,
        t_decided_us=1790000003160200,
        p_peak=0.81,
        p_mean=0.77,
        threshold_on=0.6,
        threshold_off=0.4,
    ),
    "state": State(
        node="foh",
        run="k3v9x2",
        seq=41,
        t_pub_us=1790000003160400,
        source="stage-left",
        active=(
            Active(label="piano", id="k3v9x2-000007", t_on_us=1790000002120000, p_smooth=0.77),
        ),
        decision="piano",
        gate="open",
        level_dbfs=-23.4,
    ),
    "level": Level(
        node="foh",
        run="k3v9x2",
        seq=600,
        t_pub_us=1790000003160100,
        source="stage-left",
        rms_dbfs=-23.4,
        peak_dbfs=-9.1,
        clipped=0,
    ),
    "gap": Gap(
        node="foh",
        run="k3v9x2",
        seq=1,
        t_pub_us=1790000003160500,
        source="stage-left",
        epoch=2,
        s0=5336100,
        s1=5396100,
        reason="overrun",
        count=60000,
    ),
    "status": Status(
        node="foh",
        run="k3v9x2",
        seq=2,
        t_pub_us=1790000000100000,
        source="stage-left",
        status="running",
        detail="back after 2.1 s",
        rate_hz=44100,
        description='microphone "USB Audio"',
    ),
    "hello": Hello(
        node="foh",
        run="k3v9x2",
        seq=1,
        t_pub_us=1790000000000300,
        version="0.1.0",
        t_start_us=1790000000000000,
        sources=("stage-left",),
        endpoints=("tcp://127.0.0.1:5570",),
        control="ipc:///run/user/1000/instrd/control.ipc",
    ),
    "model": Model(
        node="foh",
        run="k3v9x2",
        seq=1,
        t_pub_us=1790000000000400,
        name="base",
        labels=LABELS,
        multi_label=True,
        rate_hz=16000,
        window_ms=1000.0,
        hop_ms=100.0,
        thresholds_on=(0.6, 0.6, 0.6, 0.6),
        thresholds_off=(0.4, 0.4, 0.4, 0.4),
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        device="cpu",
    ),
    "heartbeat": Heartbeat(
        node="foh",
        run="k3v9x2",
        seq=3600,
        t_pub_us=1790000003000000,
        uptime_s=3600.0,
        sources={
            "stage-left": Account(
                status="running",
                captured=158760000,
                analysed=158000000,
                gated=700000,
                dropped=60000,
                pending=0,
                overflows=1,
                restarts=0,
                lat_p50_ms=12.1,
                lat_p95_ms=18.4,
                realtime_factor=0.02,
                drift_ppm=-14.0,
            )
        },
        last_seq={"instrd/1/event/stage-left/piano/": 7},
    ),
    "bye": Bye(
        node="foh",
        run="k3v9x2",
        seq=1,
        t_pub_us=1790000009000000,
        reason="SIGTERM",
        exit_code=0,
    ),
}


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
