"""What a second of sound costs each classifier on one thread, in a hot loop.

Measured is CPU time, of all threads that a call may have, so that waiting for a busy machine does
not count. Calls of all classifiers alternate, and the median of each one's counts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from peers import YamNetPeer

from instrd.models.bundle import Bundle
from instrd.models.classifier import CausalClassifier
from instrd.models.frontend import FrameStream
from instrd.models.net import OnnxNet
from instrd.training.teachers.teacher import RATE_HZ as TEACHER_RATE_HZ
from instrd.training.teachers.teacher import Teacher
from instrd.training.teachers.yamnet import HOP, RATE_HZ, WINDOW, YamNet

FRAMES_A_CALL = 5
TEACHER_EVERY_S = 0.5
ROUNDS = 200
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """The CPU time of one call, and that time shared out over the sound that it stands for."""

    peer: str
    call: str
    call_ms: float
    ms_per_100_ms: float


@dataclass(frozen=True, slots=True)
class Call:
    """What is timed: one call judges `sound_s` of new sound, of all streams together."""

    peer: str
    says: str
    sound_s: float
    run: Callable[[], object]


def costs(bundle: Bundle, yamnet: YamNet | None, teacher: Teacher | None) -> list[Cost]:
    """Measure instrd alone and with 8 streams, and the others at the pace of their windows."""
    calls = [bundle_call(bundle, 8), bundle_call(bundle, 1)]
    if yamnet:
        calls += yamnet_calls(yamnet)
    if teacher:
        calls.append(teacher_call(teacher))
    return measure(calls)


def bundle_call(bundle: Bundle, streams: int) -> Call:
    """Return the daemon's work of one hop: new samples in, features, net, probabilities out."""
    front_end = bundle.manifest.front_end
    classifier = CausalClassifier(bundle.manifest, OnnxNet(bundle))
    features = [FrameStream(front_end) for _ in range(streams)]
    memories = [classifier.start() for _ in range(streams)]
    samples = FRAMES_A_CALL * front_end.hop
    sounds = np.random.default_rng(0).normal(0.0, 0.1, (streams, samples)).astype(np.float32)

    def run() -> object:
        frames = [[feature.feed(sound)] for feature, sound in zip(features, sounds, strict=True)]
        return classifier.feed(frames, memories)

    says = f"{streams} stream{'s' * (streams > 1)} in a batch, {FRAMES_A_CALL} frames each"
    sound_s = streams * samples / front_end.rate_hz
    return Call(f"instrd {bundle.manifest.name}", f"{says}, features included", sound_s, run)


def yamnet_calls(yamnet: YamNet) -> list[Call]:
    """Return its one call twice: at the hop of its authors, and at instrd's."""
    window = np.random.default_rng(0).normal(0.0, 0.1, WINDOW).astype(np.float32)
    hop_s = HOP / RATE_HZ

    def run() -> object:
        return yamnet.judge(window)

    return [
        Call(YamNetPeer.name, f"0.975 s, one every {hop_s:g} s (its own hop)", hop_s, run),
        Call(YamNetPeer.name, "0.975 s, one every 0.1 s (as often as instrd)", 0.1, run),
    ]


def teacher_call(teacher: Teacher) -> Call:
    window = np.random.default_rng(0).normal(0.0, 0.1, (1, TEACHER_RATE_HZ)).astype(np.float32)
    says = f"1 s, one every {TEACHER_EVERY_S:g} s (torch), features included"
    return Call("teacher mn04", says, TEACHER_EVERY_S, lambda: teacher.logits(window))


def measure(calls: Sequence[Call], rounds: int = ROUNDS) -> list[Cost]:
    """Time every call `rounds` times in turns."""
    spent_s = np.empty((rounds + _WARM_UP, len(calls)))
    for turn in spent_s:
        for k, call in enumerate(calls):
            began = time.process_time()
            call.run()
            turn[k] = time.process_time() - began
    medians = np.median(spent_s[_WARM_UP:], axis=0) * 1e3
    return [
        Cost(call.peer, call.says, float(ms), float(ms) * 0.1 / call.sound_s)
        for call, ms in zip(calls, medians, strict=True)
    ]
