"""Made-up messages of a daemon, the picture that they add up to, and its drawing as text."""

import io
from pathlib import Path

import msgspec
from rich.console import Console

from instrd.clients.codec import decode
from instrd.clients.drawing import render
from instrd.clients.link import Link
from instrd.clients.picture import Picture
from instrd.clients.protocol import Active, AnyMessage, Model

HERE = Path(__file__).parent
NOW_US = 1_790_000_000_000_000
LABELS = (
    "bass", "cello", "clarinet", "drum", "flute", "guitar", "organ", "piano",
    "saxophone", "trumpet", "violin", "voice", "other",
)  # fmt: skip
ALIVE = Link(endpoint="tcp://127.0.0.1:5570", heartbeat_age_s=0.4, alive=True)


def golden(name: str) -> AnyMessage:
    found = (HERE / "golden" / f"{name}.json").read_bytes()
    return decode(bytes(msgspec.json.decode(found, type=tuple[str, msgspec.Raw])[1]))


def changed(name: str, **fields: object) -> AnyMessage:
    fields = {"run": "run1", "t_pub_us": NOW_US, **fields}
    return msgspec.structs.replace(golden(name), **fields)


def model() -> Model:
    thresholds = (0.5,) * len(LABELS)
    message = changed("model", labels=LABELS, thresholds_on=thresholds, thresholds_off=thresholds)
    assert isinstance(message, Model)
    return message


def frame(likely: dict[str, float] | None = None, **fields: object) -> AnyMessage:
    """Return a frame in which all but these labels have a p of 0.05."""
    p = tuple((likely or {"piano": 0.9}).get(label, 0.05) for label in LABELS)
    fields = {"t1_us": NOW_US, **fields}
    return changed("frame", labels=LABELS, p=p, p_smooth=p, **fields)


def state(*labels: str, p: tuple[float, ...] = (), **fields: object) -> AnyMessage:
    """Return a state in which these labels have sounded for 2 s, with these p, else with 0.9."""
    active = tuple(
        Active(label=label, id=f"id-{label}", t_on_us=NOW_US - 2_000_000, p_smooth=sure)
        for label, sure in zip(labels, p or (0.9,) * len(labels), strict=True)
    )
    decision = labels[0] if labels else "silence"
    return changed("state", **{"active": active, "decision": decision, **fields})


def event(kind: str, event_id: str, t_on_us: int, t_off_us: int | None = None) -> AnyMessage:
    return changed("event", event=kind, id=event_id, t_on_us=t_on_us, t_off_us=t_off_us)


def picture_of(*messages: AnyMessage) -> Picture:
    picture = Picture()
    for message in messages:
        picture.take(message)
    return picture


def playing_piano() -> Picture:
    return picture_of(
        changed("hello"), model(), changed("status"), changed("level"), frame(), state("piano")
    )


def drawn(
    picture: Picture, link: Link = ALIVE, width: int = 80, height: int = 24, note: str = ""
) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(render(picture, link, width, height, note))
    return captured.get().splitlines()


def labels_in(rows: list[str]) -> list[str]:
    """Return the labels that have a row, from top to bottom; `draw` puts a border before each."""
    words = (row.split() for row in rows)
    return [
        word[1] for word in words if len(word) > 2 and word[1] in LABELS and word[2][0] in "━╸─"
    ]
