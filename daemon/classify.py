"""`instrd classify`: the daemon's own pipeline on files, under a virtual clock."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from instrd.clients.protocol import AnyMessage, Event, Frame
from instrd.daemon.config import GateLevels
from instrd.daemon.decision import SILENCE, UNKNOWN
from instrd.daemon.hearing import Hearing
from instrd.daemon.report import Place
from instrd.daemon.ring import Hop
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.stream import Stream, advance
from instrd.models.audiofile import AudioFile
from instrd.models.errors import shown
from instrd.models.pooling import worth

_SILENT_DBFS = -80.0  # the rms of a hop; what lies below is the hiss of a recording
_ABOVE_GATE_DB = 20.0


class FileEvent(msgspec.Struct, frozen=True):
    """One sounding of one instrument; seconds from the start of the file."""

    label: str
    t_on_s: float
    t_off_s: float
    p_mean: float


class FileFrame(msgspec.Struct, frozen=True):
    """One judgement: the stretch it looks back over, and what it says of it."""

    t0_s: float
    t1_s: float
    decision: str
    p: dict[str, float]


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a file is found to hold."""

    path: str
    decision: str
    """The strongest instrument, of a mask in any case, or `unknown`, or `silence`.

    Of what reached its threshold; else of all, if the model knows background and finds it less
    likely.
    """
    p: dict[str, float]
    """Mean probability of each label over the judgements that passed the gate.

    Those within a second of the gate's opening count less (models/pooling.py).
    """
    events: tuple[FileEvent, ...]
    """By their onsets."""
    frames: tuple[FileFrame, ...] | None = None


def classify(path: Path, hearing: Hearing, *, with_frames: bool = False) -> Verdict:
    """Judge a whole file; raises `AudioFileError`.

    Like the daemon, but the clock is the file's own: second 0 is its first sample. A file that is
    all too quiet for the gate is heard again with a lower gate, since nobody can turn it up: what
    is found then counts, and if nothing is found it is silence.
    """
    course = _course(path, hearing, hearing.config.gate)
    if not course.heard and (lower := lower_gate(hearing.config.gate, course.loudest_dbfs)):
        closer = _course(path, hearing, lower)
        course = closer if closer.events else course
    p = _mean_p(course.frames, hearing)
    return Verdict(
        path=shown(path),
        decision=_decide(p, course.events, hearing) if course.heard else SILENCE,
        p=p,
        events=course.events,
        frames=tuple(map(_file_frame, course.frames)) if with_frames else None,
    )


class _Course(NamedTuple):
    """What was heard of a file from its start to its end."""

    frames: list[Frame]
    events: tuple[FileEvent, ...]

    @property
    def heard(self) -> bool:
        return any(frame.gate == "open" for frame in self.frames)

    @property
    def loudest_dbfs(self) -> float:
        return max(frame.level_dbfs for frame in self.frames)


def _course(path: Path, hearing: Hearing, gate: GateLevels) -> _Course:
    file = AudioFile(path)
    clock = SampleClock(file.rate_hz)
    place = Place("file", file.rate_hz, 0, clock)
    config = msgspec.structs.replace(hearing.config, gate=gate)
    stream = Stream(place, config, hearing.classifier, hearing.numbers, lambda: 0)
    messages = list(_messages(file, stream, hearing))
    events = (
        FileEvent(event.label, event.t_on_us / 1e6, event.t_off_us / 1e6, event.p_mean)
        for event in messages
        if isinstance(event, Event) and event.t_off_us is not None
    )
    return _Course(
        frames=[message for message in messages if isinstance(message, Frame)],
        events=tuple(sorted(events, key=lambda event: event.t_on_s)),
    )


def lower_gate(gate: GateLevels, loudest_dbfs: float) -> GateLevels | None:
    """Return the gate that a hop of that rms passes by 20 dB; None if it is silence anyway."""
    if loudest_dbfs < _SILENT_DBFS:
        return None
    lower_db = gate.open_dbfs - (loudest_dbfs - _ABOVE_GATE_DB)
    return msgspec.structs.replace(
        gate, open_dbfs=gate.open_dbfs - lower_db, close_dbfs=gate.close_dbfs - lower_db
    )


def _messages(file: AudioFile, stream: Stream, hearing: Hearing) -> Iterator[AnyMessage]:
    first = 0
    for samples in file.blocks(stream.hop):
        yield from advance(hearing.classifier, [(stream, Hop(first, samples))])
        first += len(samples)
    yield from stream.end("shutdown")


def _mean_p(frames: Sequence[Frame], hearing: Hearing) -> dict[str, float]:
    """Return the mean of what passed the gate; of all where nothing did."""
    open_for = list(accumulate(frames, lambda n, f: n + 1 if f.gate == "open" else 0, initial=0))
    heard_s = np.array(open_for[1:]) * hearing.config.analysis.hop_s
    weights = worth(heard_s) if heard_s.any() else np.ones(len(frames), np.float32)
    means = weights @ np.array([frame.p for frame in frames]) / weights.sum()
    labels = hearing.bundle.manifest.labels
    return {label: round(float(p), 4) for label, p in zip(labels, means, strict=True)}


def _decide(p: dict[str, float], events: Sequence[FileEvent], hearing: Hearing) -> str:
    """Choose among the mask, which says that the file holds one of them, else among the events.

    Without either among all: thresholds keep hours of a stream free of false alarms, and a single
    stroke is often over before it reaches one.
    """
    background = hearing.bundle.manifest.background
    mask = [label for label in hearing.config.decision.mask if label not in background]
    candidates = mask or {event.label for event in events} or (p if background else ())
    likeliest = max(candidates, key=lambda label: p[label], default=UNKNOWN)
    return UNKNOWN if likeliest in background else likeliest


def _file_frame(frame: Frame) -> FileFrame:
    p = dict(zip(frame.labels, frame.p, strict=True))
    return FileFrame(frame.t0_us / 1e6, frame.t1_us / 1e6, frame.decision, p)
