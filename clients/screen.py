"""A picture that covers the terminal, of which only the lines that changed are written."""

import time
from typing import Final

from rich.console import Console, RenderableType
from rich.control import Control
from rich.segment import Segment, Segments

REPAINT_S: Final = 5.0
"""So old may become what somebody else wrote over the picture, or what was lost on the way."""
TOGETHER: Final = Segment("\x1b[?2026h", None, [])
"""To a terminal that knows it: show nothing of what follows before `SHOW`."""
SHOW: Final = Segment("\x1b[?2026l", None, [])


class Screen:
    """Covers the terminal from the first picture on, until it is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._size = (0, 0)
        self._shown: list[list[Segment]] = []
        self._whole_s = 0.0

    def paint(self, picture: RenderableType) -> None:
        """Write it at once, so that what loses a write loses whole lines of a picture."""
        options = self._console.options
        lines = self._console.render_lines(picture, options.update(height=options.size.height))
        lines = Segment.set_shape(lines, *options.size)
        now_s = time.monotonic()
        if self._size != options.size or now_s - self._whole_s >= REPAINT_S:
            self._size, self._whole_s, self._shown = options.size, now_s, [[]] * len(lines)
        patch: list[Segment] = []
        for row, (line, shown) in enumerate(zip(lines, self._shown, strict=True)):
            if line != shown:
                patch += [Control.move_to(0, row).segment, *line]
        self._shown = lines
        with self._console:
            if not self._console.is_alt_screen:
                self._console.set_alt_screen(True)
                self._console.show_cursor(show=False)
            if patch:
                self._console.print(Segments([TOGETHER, *patch, SHOW]), end="", crop=False)

    def leave(self) -> None:
        """Show what was there before; the next picture is painted as the first was."""
        self._size = (0, 0)
        if self._console.is_alt_screen:
            with self._console:
                self._console.show_cursor(show=True)
                self._console.set_alt_screen(False)
