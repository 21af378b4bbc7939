"""What a section of the report is made of, and how its numbers are written."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; the first column names its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Sentences with a table below them."""

    title: str
    sentences: tuple[str, ...]
    grid: Grid | None = None


def percent(share: float) -> str:
    """Write 0.625 as 62.5 %."""
    return f"{100.0 * share:.1f} %"


def number(count: float) -> str:
    """Write a count, or a mean of counts with one decimal."""
    return f"{count:.0f}" if count == round(count) else f"{count:.1f}"


def span(bounds: tuple[float, float]) -> str:
    """Write the bounds of an interval."""
    return f"{100.0 * bounds[0]:.1f} to {100.0 * bounds[1]:.1f} %"


def enumerated(words: Iterable[str]) -> str:
    """Write a list as a sentence has it; nothing as `none`."""
    *first, last = list(words) or ["none"]
    return f"{', '.join(first)} and {last}" if first else last
