"""What sounds, how sure, since when and how loud: one row for a source, or big words."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from instrd.clients import meters
from instrd.clients.bigletters import ROWS, big
from instrd.clients.protocol import PAUSED, SILENCE_DBFS
from instrd.clients.sourceview import SourceView, Word

COLOURS: Final = (
    "#ff6b6b", "#ffa94d", "#ffd43b", "#a9e34b", "#51cf66", "#20c997", "#22b8cf",
    "#4dabf7", "#748ffc", "#b197fc", "#da77f2", "#f783ac", "#c0a080",
)  # fmt: skip
FAINT: Final = "grey42"
GATES: Final = {"open": ("● open", "green3"), "closed": ("○ gated", FAINT)}
FEWEST: Final = 16  # columns of the words, before there are numbers
ENOUGH: Final = 40  # columns of two words with all that is to be told, before there is a meter
FEWEST_BLOCKS: Final = 8  # of the meter; a shorter one says nothing
RMS_COLUMNS: Final = 12
GATE_COLUMNS: Final = 9
WIDE: Final = 48  # columns from which a level by itself shows the peak in numbers


def headline(view: SourceView, width: int) -> Text:
    """Return words, meter, level and gate in one row.

    The columns depend on the width alone, so that nothing moves; but words that would be cut
    take the place of the meter.
    """
    numbers = _numbers(view, width - FEWEST, peak_from=WIDE + ENOUGH)
    room = width - len(numbers)
    blocks = min(room - ENOUGH, room // 2)
    words = _uncut(view, room - blocks - 1) if blocks >= FEWEST_BLOCKS else None
    if words is None:
        words, blocks = _uncut(view, room), 0
    if words is None:
        words = _cut(view, room)
    words.pad_right(max(0, room - blocks - words.cell_len))
    return words.append_text(_meter(view, blocks)).append_text(numbers)


def loudness(view: SourceView, width: int) -> Text:
    """Return a row of the level alone."""
    numbers = _numbers(view, width, peak_from=WIDE)
    return _meter(view, width - len(numbers)).append_text(numbers)


def big_words(view: SourceView, width: int) -> list[Text]:
    """Return words to be read from across the room, as many as fit; below is what else to tell."""
    rows = [Text() for _ in range(ROWS + 1)]
    for at, word in enumerate(view.words):
        left = len(view.words) - at
        more = f"+{left}"
        room = width - rows[0].cell_len - (len(more) if left > 1 else 0)
        cell = next((cell for cell in _cells(word) if cell_len(cell[0]) <= room + 2), None)
        if cell is None and at:
            rows[1].append(more, style=FAINT)
            break
        for row, line in zip(rows, cell or _cells(word)[-1], strict=True):
            row.append(line, style=FAINT if row is rows[-1] else f"bold {colour(view, word.text)}")
    return rows


def colour(view: SourceView, word: str) -> str:
    if word in view.labels:
        return COLOURS[view.labels.index(word) % len(COLOURS)]
    return "grey62" if view.heard else alarm_colour(view)


def alarm_colour(view: SourceView) -> str:
    """Return how bad it is that it is not heard; an end in order is no fault."""
    if view.link.awaited or (view.link.alive and view.condition == "ended"):
        return FAINT
    return "yellow2" if view.link.alive and view.condition == PAUSED else "red1"


def _cells(word: Word) -> list[list[str]]:
    """Return what a word may look like, the best first; each is rows of one width."""
    letters, plain = big(word.text), ["", word.text, ""]
    cells = [[*lines, below] for lines in (letters, plain) if lines for below in (word.detail, "")]
    return [[set_cell_size(line, max(map(cell_len, cell)) + 2) for line in cell] for cell in cells]


def _uncut(view: SourceView, room: int) -> Text | None:
    """Return all words, with as many details as fit; None if not even the words do."""
    for details in (len(view.words), 1, 0):
        text = _joined(view, view.words, details)
        if text.cell_len <= room:
            return text
    return None


def _cut(view: SourceView, room: int) -> Text:
    """Return the first words, and how many there are more."""
    for count in range(min(len(view.words) - 1, room // 2), 0, -1):
        text, more = _joined(view, view.words[:count], 0), f" +{len(view.words) - count}"
        if text.cell_len + len(more) <= room or count == 1:
            text.truncate(max(0, room - len(more)), overflow="ellipsis")
            return text.append(more, style=FAINT)
    text = _joined(view, view.words[:1], 0)
    text.truncate(room, overflow="ellipsis")
    return text


def _joined(view: SourceView, words: Sequence[Word], details: int) -> Text:
    parts = []
    for at, word in enumerate(words):
        part = Text(word.text, style=f"bold {colour(view, word.text)}")
        if word.detail and at < details:
            part = Text.assemble(part, (f" {word.detail}", "grey70"))
        parts.append(part)
    return Text("  " if details else " ").join(parts)


def _numbers(view: SourceView, room: int, peak_from: int) -> Text:
    """Return as much of level, gate and peak as there is room for."""
    level, style = view.level, "grey70" if view.heard else FAINT
    rms, peak = (f"{level.rms_dbfs:.1f}", f"{level.peak_dbfs:.1f}") if level else ("-", "-")
    text = Text()
    if room >= RMS_COLUMNS:
        text.append(f" {rms:>6} dBFS", style=style)
    if room >= peak_from:
        text.append(f"  peak {peak:>6}", style=style)
    if room >= RMS_COLUMNS + GATE_COLUMNS:
        text.append_text(_gate(view))
    return text


def _gate(view: SourceView) -> Text:
    """Return whether there is something to judge, or that it is too loud."""
    if view.level and view.level.clipped:
        return Text.assemble("  ", (" CLIP ", "bold white on red1"), " ")
    word, style = GATES.get(view.gate, ("", ""))
    return Text(f"  {word:<7}", style=style)


def _meter(view: SourceView, width: int) -> Text:
    level = view.level
    rms, peak = (level.rms_dbfs, level.peak_dbfs) if level else (SILENCE_DBFS, SILENCE_DBFS)
    return meters.level(rms, peak, width) if width >= FEWEST_BLOCKS else Text(" " * width)
