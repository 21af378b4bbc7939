"""The messages instrd publishes.

Times are integer microseconds, UTC. Positions (`s0`, `s1`) are sample indices of the source at
its capture rate; they start anew with every `epoch`. Messages of one major version only ever
gain keys, so unknown keys are ignored. docs/protocol.md tells the same for any language.
"""

from typing import Annotated, Final, Literal, TypeAlias, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, field

VERSION: Final = "1.0"
SILENCE_DBFS: Final = -120.0  # of digital silence, since JSON has no infinity
PAUSED: Final = "paused"  # the detail of every status of a source in a pause
MOST: Final = 2**63 - 1  # what is read can be written again, by any client

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[^/\x00-\x1f\x7f-\x9f]{1,64}\Z")]
SourceId: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")]
RunName: TypeAlias = Annotated[str, Meta(max_length=64)]
Topic: TypeAlias = Annotated[str, Meta(max_length=128)]
# before 31 December 9999, so that it is a date that Python knows in any time zone
Micros: TypeAlias = Annotated[int, Meta(ge=0, lt=253_402_214_400_000_000)]
ExitCode: TypeAlias = Annotated[int, Meta(ge=-MOST - 1, le=MOST)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)]
RateHz: TypeAlias = Annotated[int, Meta(ge=1, le=MOST)]
Dbfs: TypeAlias = Annotated[float, Meta(ge=SILENCE_DBFS)]
Probability: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]

Gate: TypeAlias = Literal["open", "closed"]
Reason: TypeAlias = Literal[
    "ok", "gate_closed", "low_confidence", "low_margin", "masked", "warming_up", "clipped"
]
EndReason: TypeAlias = Literal["decay", "gate", "source_lost", "model_changed", "shutdown"]
GapReason: TypeAlias = Literal[
    "overrun", "overflow", "late", "stalled", "restarted", "invalid", "paused"
]
Condition: TypeAlias = Literal[
    "waiting", "running", "stalled", "flat", "restarting", "failed", "ended"
]


class Message(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    """The envelope; the publisher fills it in."""

    v: str = VERSION
    node: str = ""  # this installation's name
    run: RunName = ""  # random at each start
    seq: Count = 0  # counts up by one per topic, from 1
    t_pub_us: Micros = 0  # when it was published
    retained: bool | UnsetType = UNSET  # true on a copy sent to a late joiner, else absent


class Latency(Struct, frozen=True, kw_only=True):
    """Where the time of one frame went, in ms."""

    wait: float  # from the capture of the window's last sample until it was taken
    features: float
    infer: float
    total: float  # publish time minus capture time of the window's last sample


class Frame(Message, frozen=True, kw_only=True):
    """What the model says about one window; one per analysed hop."""

    source: SourceId
    epoch: Count  # counts up each time the stream is reopened
    rate_hz: RateHz  # capture rate
    s0: Count  # first sample of the window
    s1: Count  # one past its last sample
    t0_us: Micros  # capture time of s0
    t1_us: Micros  # capture time of s1
    level_dbfs: Dbfs  # rms
    peak_dbfs: Dbfs
    gate: Gate
    model: Name
    labels: tuple[Name, ...]
    p: tuple[Probability, ...]  # calibrated, one per label
    p_smooth: tuple[Probability, ...]  # the same after smoothing in time
    active: tuple[Name, ...]  # labels that sound now; p may be below their on-threshold
    decision: Name  # strongest active label, or "silence", or "unknown"
    reason: Reason
    members: dict[str, str] = field(
        default_factory=dict
    )  # an ensemble's members and the label that each thinks likeliest
    lat_ms: Latency
    skipped: Count  # late hops left out since the last frame

    def __post_init__(self) -> None:
        if not len(self.labels) == len(self.p) == len(self.p_smooth):
            raise ValueError("labels, p and p_smooth differ in length")


class Event(Message, frozen=True, kw_only=True):
    """One sounding of one instrument: on, update (1 Hz while on), off."""

    source: SourceId
    event: Literal["on", "update", "off"]
    id: Name  # the same from on to off
    label: Name
    t_on_us: Micros  # back-dated onset, capture time
    t_decided_us: Micros
    t_off_us: Micros | None = None  # capture time; null until off
    p_peak: Probability
    p_mean: Probability
    threshold_on: Probability
    threshold_off: Probability
    end_reason: EndReason | None = None  # null until off


class Active(Struct, frozen=True, kw_only=True):
    """One instrument that sounds now."""

    label: Name
    id: Name  # of its event
    t_on_us: Micros
    p_smooth: Probability


class State(Message, frozen=True, kw_only=True):
    """All that sounds now; on change and at 1 Hz."""

    source: SourceId
    active: tuple[Active, ...]
    decision: Name
    gate: Gate
    level_dbfs: Dbfs  # rms


class Level(Message, frozen=True, kw_only=True):
    """How loud the source is; at most ten times a second of sound."""

    source: SourceId
    rms_dbfs: Dbfs
    peak_dbfs: Dbfs
    clipped: Count  # samples at full scale since the last level


class Gap(Message, frozen=True, kw_only=True):
    """Samples s0 up to s1 were lost or are not valid."""

    source: SourceId
    epoch: Count
    rate_hz: RateHz  # capture rate
    s0: Count
    s1: Count
    reason: GapReason
    count: Count  # samples, s1 - s0


class Status(Message, frozen=True, kw_only=True):
    """How the source fares; on change."""

    source: SourceId
    status: Condition
    detail: str = ""  # for people
    rate_hz: RateHz | None = None  # capture rate; null until it is known
    description: str = ""  # of the source, for people


class Hello(Message, frozen=True, kw_only=True):
    """Who speaks; once at the start."""

    version: str  # of instrd
    t_start_us: Micros
    sources: tuple[SourceId, ...]
    endpoints: tuple[str, ...]  # of the predictions
    control: str | None = None  # endpoint that takes commands
    interval_ms: Count = 1000  # of the heartbeat


class Model(Message, frozen=True, kw_only=True):
    """Which model listens; at the start, and when it, its thresholds or the mask change."""

    name: Name
    labels: tuple[Name, ...]
    multi_label: bool  # false: the probabilities of a frame sum to one
    background: tuple[Name, ...] = ()  # labels that are no instrument, such as "other"
    rate_hz: RateHz  # the model's own rate
    window_ms: float
    hop_ms: float
    thresholds_on: tuple[Probability, ...]  # one per label
    thresholds_off: tuple[Probability, ...]
    sha256: str  # of the bundle
    device: Literal["cpu", "cuda"]

    def __post_init__(self) -> None:
        if not len(self.labels) == len(self.thresholds_on) == len(self.thresholds_off):
            raise ValueError("labels, thresholds_on and thresholds_off differ in length")


class Account(Struct, frozen=True, kw_only=True):
    """One source's samples: captured = analysed + gated + dropped + pending, exactly."""

    status: Condition
    captured: Count
    analysed: Count
    gated: Count
    dropped: Count
    pending: Count
    overflows: Count
    restarts: Count
    lat_p50_ms: float | None = None  # null before the first frame, as below
    lat_p95_ms: float | None = None
    realtime_factor: float | None = None  # computing time over audio time
    drift_ppm: float | None = None  # capture clock against the machine's


class Heartbeat(Message, frozen=True, kw_only=True):
    """Alive, and the accounts; at 1 Hz."""

    uptime_s: float
    interval_ms: Count = 1000
    sources: dict[SourceId, Account]
    last_seq: dict[Topic, Count]  # of every event topic, so that a lost last event is noticed
    unsent: Count = 0  # messages that the publishing process was not given; they miss from seq
    publisher_restarts: Count = 0  # how often the publishing process was replaced


class Bye(Message, frozen=True, kw_only=True):
    """The orderly end."""

    reason: str
    exit_code: ExitCode


AnyMessage: TypeAlias = (
    Frame | Event | State | Level | Gap | Status | Hello | Model | Heartbeat | Bye
)
TYPES: Final[dict[str, type[Message]]] = {
    kind.__name__.lower(): kind for kind in get_args(AnyMessage)
}
SOURCE_KINDS: Final = tuple(
    name for name, kind in TYPES.items() if "source" in kind.__annotations__
)
