"""Requests at random: what a stranger, a broken client or malice may send to the control socket."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

COMMANDS = (
    *(
        "ping",
        "get_state",
        "list_sources",
        "list_models",
        "set_model",
        "set_thresholds",
        "set_mask",
    ),
    *("pause", "resume", "reload", "shutdown", "explode", ""),
)
FIELDS = (
    *("v", "id", "cmd", "source", "model", "labels", "thresholds_on", "thresholds_off"),
    *("extra", "__class__", "", "CMD"),
)
TEXTS = (
    *(
        "",
        "1.0",
        "2.0",
        "0",
        "1",
        "s0",
        "tones",
        "base",
        "low",
        "high",
        "..",
        "../tones",
        "/etc/passwd",
    ),
    *(
        "a\0b",
        "\x1b[2J",
        "x" * 65,
        "x" * 5000,
        "\u2028",
        "\U0010ffff",
        "tones\n",
        "%s%n",
        "${HOME}",
    ),
)
NUMBERS = (0, 1, -1, 0.5, 0.0, 1.0, 1.5, -0.0, 1e308, 2**63, 2**64, -(2**63), 10**400, True, None)


def random_request(rng: Random) -> bytes:
    """Return a message, most of them JSON."""
    return rng.choice(KINDS)(rng)


def near_request(rng: Random) -> bytes:
    """Return a known command with some fields, right or wrong."""
    request: dict[str, Any] = {"id": "7", "cmd": rng.choice(COMMANDS)}
    for _ in range(rng.randint(0, 3)):
        request[rng.choice(FIELDS)] = anything(rng, 3)
    return encoded(request)


def plausible_request(rng: Random) -> bytes:
    """Return a request whose fields have their own kinds of values."""
    labels = ("low", "high", "harp")
    request: dict[str, Any] = {"cmd": rng.choice(COMMANDS)}
    for field in ("thresholds_on", "thresholds_off"):
        if rng.random() < 0.3:
            request[field] = {rng.choice(labels): rng.random() for _ in range(rng.randint(0, 2))}
    if rng.random() < 0.3:
        request["labels"] = [rng.choice(labels) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.3:
        request["model"] = rng.choice(("tones", "none", "..", "."))
    if rng.random() < 0.3:
        request["source"] = rng.choice(("s0", "s9", "S0", ""))
    return encoded(request)


def any_json(rng: Random) -> bytes:
    return encoded(anything(rng, 5))


def damaged_json(rng: Random) -> bytes:
    content = bytearray(plausible_request(rng))
    for _ in range(rng.choice((1, 2, 10))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content[: rng.randint(0, len(content))] if rng.random() < 0.3 else content)


def odd_json(rng: Random) -> bytes:
    """Return what JSON readers disagree about."""
    value = rng.choice(
        (
            *(b"NaN", b"-Infinity", b"1e999", b"01", b"'a'", b'"\\ud800"', b'"\\u0000"', b'"\xff"'),
            *(b"[" * 5000, b'{"a":' * 5000, b"9" * 9000, b"1." + b"0" * 9000, b'{"a":1,"a":2}'),
        )
    )
    field = rng.choice(FIELDS).encode()
    return b'{"cmd":"set_thresholds","' + field + b'":' + value + rng.choice((b"}", b"", b"}}"))


def noise(rng: Random) -> bytes:
    return bytes(rng.randrange(256) for _ in range(rng.randint(0, 100)))


def anything(rng: Random, depth: int) -> Any:
    kind = rng.randrange(4 if depth else 2)
    if kind == 0:
        return rng.choice(TEXTS)
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return [anything(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    names = (*FIELDS, "low", "high")
    return {rng.choice(names): anything(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


KINDS: tuple[Callable[[Random], bytes], ...] = (
    near_request,
    near_request,
    plausible_request,
    any_json,
    damaged_json,
    odd_json,
    noise,
)
