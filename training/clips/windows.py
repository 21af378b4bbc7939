"""Windows of frames drawn from clips: what a net that gives one label learns from."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.models.mel import cosine_matrix
from instrd.training.clips.frame_cache import FrameCache
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.split import Example
from instrd.training.frame_effects import (
    FLOOR_DB,
    chained,
    masked,
    noise,
    noisy,
)
from instrd.training.mixtures.mixtures import band_centres_hz
from instrd.training.mixtures.reverberation import in_a_room
from instrd.training.stems.rooms import equaliser

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

HOP_S = 0.5
"""Between the windows by which a whole clip is judged."""
LEAST_FRAMES = 8
"""Of its clip, at least, in a window that is cut anywhere; silence before."""
_FAINT_DB = 30.0
_NOISE_ALONE = 0.1
"""Share of the windows of `other` that hold nothing but noise."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One window to be made: of which example, by which number of the random stream."""

    example: Example
    number: int


class Windows:
    """Makes windows (T, width) of examples; the same seed, epoch and number give the same one."""

    def __init__(self, recipe: ClipRecipe, cache: FrameCache, train: Sequence[Example]) -> None:
        self._recipe = recipe
        self._cache = cache
        self._train = train
        self._kin: dict[tuple[int, str], list[Example]] = defaultdict(list)
        for example in train:
            self._kin[example.label, example.group].append(example)
        front_end = recipe.front_end
        is_mfcc = front_end.kind == "mfcc"
        self._cosine = cosine_matrix(front_end.bands, front_end.coefficients) if is_mfcc else None
        self._centres_hz = band_centres_hz(front_end)

    def epoch(self, epoch: int) -> list[Draw]:
        """Return the draws of one epoch, as many as there are examples, in random order."""
        rng = np.random.default_rng([self._recipe.seed, epoch])
        if not self._recipe.fit.balanced:
            order = rng.permutation(len(self._train))
            return [Draw(self._train[place], number) for number, place in enumerate(order)]
        return [Draw(self._balanced(rng), number) for number in range(len(self._train))]

    def training_batch(self, draws: Sequence[Draw], epoch: int) -> tuple[Floats, Indices]:
        """Return augmented windows (B, T, width) and the indices of their labels (B,)."""
        seed = self._recipe.seed
        rngs = [np.random.default_rng([seed, epoch, draw.number]) for draw in draws]
        windows = [self._augmented(d.example, rng) for d, rng in zip(draws, rngs, strict=True)]
        return self._described(windows), np.array([draw.example.label for draw in draws])

    def plain_batch(self, examples: Sequence[Example], number: int) -> tuple[Floats, Indices]:
        """Return one window (B, T, width) of each example as it is; `number` tells which."""
        rng = np.random.default_rng([self._recipe.seed, number])
        windows = [self._cut(example, rng) for example in examples]
        return self._described(windows), np.array([example.label for example in examples])

    def of_clip(self, example: Example) -> Floats:
        """Return the windows (n, T, width) by which a whole clip is judged.

        One from its start, padded or cut off, if so trained; else one every half second.
        """
        frames = self._cache.frames(example.path)
        length = self._recipe.window_frames
        if self._recipe.fit.placement == "start":
            return self._described([self._window(frames, 0)])
        hop = max(1, round(HOP_S / self._hop_s))
        ends = range(hop, max(len(frames), hop) + 1, hop)
        return self._described([self._window(frames, end - length) for end in ends])

    def from_onset(self, example: Example, count: int) -> Floats:
        """Return windows (count, T, width) that end 0, 1, 2, ... frames after a clip's onset."""
        frames = self._cache.frames(example.path)
        loudness = frames.max(axis=1).astype(np.float32)
        onset = int(np.argmax(loudness > loudness.max() - _FAINT_DB))
        length = self._recipe.window_frames
        starts = range(onset + 1 - length, onset + 1 - length + count)
        return self._described([self._window(frames, start) for start in starts])

    @property
    def _hop_s(self) -> float:
        return self._recipe.front_end.hop / self._recipe.front_end.rate_hz

    def _balanced(self, rng: np.random.Generator) -> Example:
        labels = sorted({label for label, _ in self._kin})
        other = len(self._recipe.labels)
        share = self._recipe.fit.other_share if other in labels else 0.0
        odds = np.array([share if label == other else (1.0 - share) / other for label in labels])
        label = labels[int(rng.choice(len(labels), p=odds / odds.sum()))]
        groups = [kin for (of, _), kin in self._kin.items() if of == label]
        sizes = np.sqrt([len(kin) for kin in groups])
        kin = groups[int(rng.choice(len(groups), p=sizes / sizes.sum()))]
        return kin[int(rng.integers(len(kin)))]

    def _augmented(self, example: Example, rng: np.random.Generator) -> Floats:
        done = self._recipe.augmentation
        is_other = example.label == len(self._recipe.labels)
        if is_other and done.noise_odds and rng.random() < _NOISE_ALONE:
            window = noise((self._recipe.window_frames, self._cache.front_end.width), rng)
        else:
            window = self._cut(example, rng)
            if rng.random() < done.chain_odds:
                kin = self._kin[example.label, example.group]
                picked = rng.integers(len(kin), size=int(rng.integers(1, 9)))
                clips = [self._cache.frames(kin[place].path) for place in picked.tolist()]
                window = chained(window, clips, rng)
        if rng.random() < done.room_odds:
            window = in_a_room(window, self._hop_s, rng)
        if rng.random() < done.noise_odds:
            window = noisy(window, rng)
        if rng.random() < done.tone_odds:
            window = window + equaliser(self._centres_hz, rng)
        if done.gain_db:
            window = window - np.float32(rng.uniform(0.0, done.gain_db))
        if rng.random() < done.mask_odds:
            window = masked(window, rng)
        floored: Floats = np.maximum(window, np.float32(FLOOR_DB))
        return floored

    def _cut(self, example: Example, rng: np.random.Generator) -> Floats:
        """Cut a window of a clip that holds more than its faint tail."""
        frames = self._cache.frames(example.path)
        if self._recipe.fit.placement == "start":
            return self._window(frames, 0)
        length = self._recipe.window_frames
        first_end = min(LEAST_FRAMES, len(frames))
        last_end = max(first_end, len(frames) + length // 4)
        loud_db = float(frames.max()) - _FAINT_DB
        for _ in range(4):
            window = self._window(frames, int(rng.integers(first_end, last_end + 1)) - length)
            if window.max() > loud_db:
                break
        return window

    def _window(self, frames: NDArray[np.float16], start: int) -> Floats:
        """Return the frames from `start` on, with silence where there are none."""
        length = self._recipe.window_frames
        window = np.full((length, frames.shape[1]), FLOOR_DB, np.float32)
        first, last = max(start, 0), min(start + length, len(frames))
        if last > first:
            window[first - start : last - start] = frames[first:last]
        return window

    def _described(self, windows: Sequence[Floats]) -> Floats:
        stacked = np.stack(windows)
        described: Floats = stacked if self._cosine is None else stacked @ self._cosine
        return described
