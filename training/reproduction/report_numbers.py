"""How the report writes its numbers."""


def percent(share: float) -> str:
    """Write 0.625 as 62.5 %."""
    return f"{100.0 * share:.1f} %"


def number(count: float) -> str:
    """Write a count, or a mean of counts with one decimal."""
    return f"{count:.0f}" if count == round(count) else f"{count:.1f}"


def span(bounds: tuple[float, float]) -> str:
    """Write the bounds of an interval."""
    return f"{100.0 * bounds[0]:.1f} to {100.0 * bounds[1]:.1f} %"
