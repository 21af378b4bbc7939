"""YAMNet, a second teacher: every half a second it says how likely each of our labels sounds.

Plakal and Ellis, Google (tensorflow/models, research/audioset/yamnet). It learned from AudioSet
too, but from shorter pieces than mn04 and in other ways, and makes other mistakes. Its TFLite file
and its table of classes are read from a folder that the caller names; neither comes with instrd.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from instrd.training.errors import TrainingError
from instrd.training.teachers.opinions import TAGS, read_tag_names

Floats = NDArray[np.float32]

MODEL = "yamnet.tflite"
CLASSES = "yamnet_class_map.csv"
RATE_HZ = 16_000
WINDOW, HOP = 15_600, 7_680
"""Samples: what its net takes, and the hop of its authors."""
LABELS = tuple(TAGS)
"""The columns of what it says."""
_LEAST = 1e-4  # probabilities come in steps; what it calls impossible is not that


class YamNet:
    """Names what sounds; `tags` are the names of its classes.

    `judge` maps a window (WINDOW,) of 16 kHz, full scale +-1, to probabilities (tags,).
    """

    def __init__(self, judge: Callable[[Floats], Floats], tags: Sequence[str]) -> None:
        self.judge = judge
        self.tags = tuple(tags)
        known = {label: [tag for tag in TAGS[label] if tag in tags] for label in LABELS}
        if missing := [label for label in LABELS if not known[label]]:
            raise TrainingError("YAMNet's classes", f"hold no tag of {', '.join(missing)}")
        self._columns = [[self.tags.index(tag) for tag in known[label]] for label in LABELS]

    def log_odds(self, sound: Floats) -> Floats:
        """Map a sound (n,) of 16 kHz, a window or more, to log-odds (m, LABELS), one every HOP.

        A label is as likely as the likeliest of its tags; a few of mn04's YAMNet does not know.
        """
        heard = [self.judge(window) for window in sliding_window_view(sound, WINDOW)[::HOP]]
        tags = np.stack(heard)
        likely = np.stack([tags[:, group].max(axis=1) for group in self._columns], axis=1)
        likely = np.clip(likely, _LEAST, 1.0 - _LEAST)
        odds: Floats = np.log(likely / (1.0 - likely)).astype(np.float32)
        return odds


def every_frame(judged: NDArray[np.floating[Any]], first: int, count: int, *, hop: int) -> Floats:
    """Map what was said every HOP (m, labels) to frames `first` up to + `count`, (count, labels).

    Frames come every `hop` samples of 16 kHz. A window tells of its middle; between two there are
    straight lines, before the first and after the last all is as in it.
    """
    middles = (np.arange(len(judged)) * HOP + WINDOW / 2) / hop
    frames = first + np.arange(count)
    lines = [np.interp(frames, middles, column) for column in judged.T]
    return np.stack(lines, axis=1).astype(np.float32)


def open_yamnet(folder: Path) -> YamNet:
    """Return YAMNet of a folder, served by LiteRT on one thread; raises `TrainingError`."""
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - for YAMNet alone
    except ImportError as error:
        raise TrainingError("YAMNet", "needs LiteRT: pip install 'instrd[yamnet]'") from error
    model = folder / MODEL
    if not model.is_file():
        raise TrainingError(model, "is no file")
    try:
        net = Interpreter(str(model), num_threads=1)
    except ValueError as error:
        raise TrainingError(model, f"is no TFLite file: {error}") from error
    net.allocate_tensors()
    (feed,), (told, *_) = net.get_input_details(), net.get_output_details()

    def judge(window: Floats) -> Floats:
        net.set_tensor(feed["index"], window.reshape(feed["shape"]).astype(np.float32))
        net.invoke()
        probabilities: Floats = net.get_tensor(told["index"])[0]
        return probabilities

    tags, count = read_tag_names(folder / CLASSES), int(told["shape"][-1])
    if len(tags) != count:
        raise TrainingError(folder / CLASSES, f"got {len(tags)} classes, allowed {count}: YAMNet's")
    return YamNet(judge, tags)
