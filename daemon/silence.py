"""For how long a process beside us has said nothing, and brought no audio."""

import time
from collections.abc import Callable

LOOK_S = 0.1
"""We look for news at least so often."""


class Silence:
    """Counts only time in which we looked: after a sleep of our own nobody else is to blame."""

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._looked_ns = now_ns()
        self.words_s = self.audio_s = 0.0
        """Since the last message of any kind; since the last one with samples."""

    def note(self, *, word: bool, audio: bool) -> None:
        """Note what the last look brought."""
        now_ns = self._now_ns()
        passed_s = min((now_ns - self._looked_ns) / 1e9, 2 * LOOK_S)
        self._looked_ns = now_ns
        self.words_s = 0.0 if word else self.words_s + passed_s
        self.audio_s = 0.0 if audio else self.audio_s + passed_s
