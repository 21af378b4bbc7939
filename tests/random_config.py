"""Config files at random: TOML of any shape, settings with any value, and bytes."""

from collections.abc import Callable
from pathlib import Path
from random import Random

EXAMPLE = (Path(__file__).parents[1] / "config.toml").read_text(encoding="utf-8")
SECTIONS = ("daemon", "security", "source", "model", "analysis", "gate", "decision", "thresholds")
NAMES = (
    *SECTIONS,
    *(
        "node",
        "publish",
        "control",
        "log_level",
        "server_key",
        "clients",
        "uri",
        "id",
        "pace",
        "loop",
    ),
    *("name", "device", "folders", "hop_s", "ring_s", "max_late_hops", "open_dbfs", "close_dbfs"),
    *("hold_s", "smoothing_s", "min_on_s", "min_off_s", "margin", "mask", "piano", "on", "off"),
)
VALUES = (
    *("0", "-1", "1", "0.5", "nan", "-inf", "inf", "1e308", "1e999", "-0.0", "true", "false"),
    *("9223372036854775808", "1_000", "0o7", "[]", "{}", "''", '""', '"auto"', '"base"'),
    *('"tcp://127.0.0.1:5570"', '"realtime"', '"\\u0000"', '"\\U0010FFFF"', "[1, 'a', [2]]"),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "'''a\nb'''", "0x" + "f" * 9000),
    *("[" * 40 + "]" * 40, "{a = " * 40 + "1" + "}" * 40, '"' + "x" * 5000 + '"'),
)
UNREADABLE = ("9" * 9000, "[" * 3000 + "]" * 3000, "2021-02-31", "1979-05-27T25:00:00", "\\")


def random_config(rng: Random) -> bytes:
    """Return the bytes of a config file, most of them TOML."""
    return rng.choice(KINDS)(rng)


def settings(rng: Random) -> bytes:
    """Return real sections, with real names for the most part and any values."""
    lines: list[str] = []
    for _ in range(rng.randint(0, 8)):
        section = rng.choice(SECTIONS)
        lines.append(f"[[{section}]]" if rng.random() < 0.3 else f"[{section}]")
        lines += [f"{name(rng)} = {value(rng)}" for _ in range(rng.randint(0, 4))]
    return "\n".join(lines).encode()


def pairs(rng: Random) -> bytes:
    """Return dotted names without sections."""
    dotted = (".".join(name(rng) for _ in range(rng.choice((1, 2, 3, 200)))) for _ in range(4))
    return "\n".join(f"{key} = {value(rng)}" for key in dotted).encode()


def changed_example(rng: Random) -> bytes:
    lines = EXAMPLE.splitlines()
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(lines))
        if " = " in lines[at]:
            lines[at] = f"{lines[at].split(' = ')[0]} = {value(rng)}"
        else:
            lines[at] = rng.choice(("", lines[at] * 2, f"[{name(rng)}]", rng.choice(lines)))
    return "\n".join(lines).encode()


def damaged_example(rng: Random) -> bytes:
    content = bytearray(EXAMPLE.encode())
    for _ in range(rng.choice((1, 2, 20))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content[: rng.randint(0, len(content))] if rng.random() < 0.3 else content)


def noise(rng: Random) -> bytes:
    return bytes(rng.randrange(256) for _ in range(rng.randint(0, 200)))


def signs(rng: Random) -> bytes:
    """Return what TOML is made of, in no order."""
    pieces = (
        "[",
        "]",
        "[[",
        "]]",
        "=",
        ".",
        '"',
        "'",
        "\n",
        "{",
        "}",
        ",",
        "#",
        " ",
        *NAMES,
        *VALUES[:20],
    )
    return "".join(rng.choice(pieces) for _ in range(rng.randint(0, 60))).encode()


def name(rng: Random) -> str:
    if rng.random() < 0.1:
        return rng.choice(('""', '"a.b"', '"\\n"', "'\\'", "ключ", '"ключ"', "x" * 300))
    return rng.choice(NAMES)


def value(rng: Random) -> str:
    if rng.random() < 0.2:
        return f"[{', '.join(value(rng) for _ in range(rng.randint(0, 3)))}]"
    if rng.random() < 0.1:
        inner = (f"{name(rng)} = {value(rng)}" for _ in range(rng.randint(0, 3)))
        return f"{{ {', '.join(inner)} }}"
    return rng.choice(UNREADABLE if rng.random() < 0.01 else VALUES)


KINDS: tuple[Callable[[Random], bytes], ...] = (
    settings,
    settings,
    changed_example,
    changed_example,
    pairs,
    damaged_example,
    noise,
    signs,
)
