"""The pictures of a report: curves, confusion, accuracies. Colours after Okabe and Ito (2008)."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from instrd.training.results import RunResult

Format = Literal["svg", "png"]

TRAIN, VALIDATION = "#0072b2", "#d55e00"
SERIES = (("#d55e00", "o"), ("#0072b2", "s"), ("#e69f00", "^"), ("#009e73", "D"))
"""Colour and marker of each series, in order."""
INK, PALE = "#222222", "#dddddd"
_BLUES = LinearSegmentedColormap.from_list("paper to blue", ["#ffffff", "#0072b2"])
_STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.linewidth": 0.7,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "svg.hashsalt": "instrd",
}
_DPI = 150


@dataclass(frozen=True, slots=True)
class Row:
    """One model's accuracy in one series, 0 to 1, with its 95 % interval."""

    model: str
    series: str
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Allowed:
    """What faulty labels allow, as accuracies."""

    worst: float
    expected: float
    best: float


def curves(results: Sequence[RunResult], kind: Format = "svg") -> bytes:
    """Draw loss and accuracy over the epochs; each seed is a thin line."""
    figure = Figure(figsize=(2.9, 3.3), layout="constrained")
    with rc_context(_STYLE):
        loss, accuracy = figure.subplots(2, 1, sharex=True)
        for result in results:
            epochs = range(1, len(result.history) + 1)
            for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
                for part, colour, dashes in (
                    ("train", TRAIN, "-"),
                    ("validation", VALIDATION, "--"),
                ):
                    values = [getattr(epoch, f"{part}_{name}") for epoch in result.history]
                    shown = [float("nan") if value is None else value for value in values]
                    label = part if result is results[0] else None
                    axes.plot(epochs, shown, dashes, color=colour, lw=0.9, alpha=0.8, label=label)
        loss.set(ylabel="loss (nats)", ylim=(0.0, None))
        loss.legend(frameon=False, fontsize=7.0)
        accuracy.set(ylabel="accuracy", xlabel="epoch", ylim=(0.0, 1.02))
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        accuracy.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        return _drawn(figure, kind)


def confusion(labels: Sequence[str], table: Sequence[Sequence[int]], kind: Format = "svg") -> bytes:
    """Draw how often each true label (row) was named what (column); shade is share of the row."""
    shares = [[count / max(sum(row), 1) for count in row] for row in table]
    side = 1.2 + 0.42 * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    with rc_context(_STYLE):
        axes = figure.subplots()
        axes.imshow(shares, cmap=_BLUES, vmin=0.0, vmax=1.0)
        for y, row in enumerate(table):
            for x, count in enumerate(row):
                colour = "white" if shares[y][x] > 0.55 else INK if count else "#aaaaaa"
                axes.text(x, y, str(count), ha="center", va="center", color=colour)
        axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="named", ylabel="true")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return _drawn(figure, kind)


def accuracies(
    rows: Sequence[Row],
    paper: dict[str, float],
    ceiling: Allowed | None = None,
    kind: Format = "svg",
) -> bytes:
    """Draw each model's accuracies with their intervals, beside what the paper reports."""
    models = list(dict.fromkeys(row.model for row in rows))
    series = list(dict.fromkeys(row.series for row in rows))
    figure = Figure(figsize=(7.6, 1.4 + 0.62 * len(models)), layout="constrained")
    with rc_context(_STYLE):
        axes = figure.subplots()
        if ceiling is not None:
            label = "published labels allow, worst to best"
            axes.axvspan(ceiling.worst, ceiling.best, color="#f3ead2", lw=0, label=label)
            axes.axvline(ceiling.expected, color="#b8860b", lw=1.0, label="expected of them")
        for k, name in enumerate(series):
            _dots(axes, [row for row in rows if row.series == name], models, k, len(series))
        known = [(paper[m], y) for y, m in enumerate(models) if m in paper]
        if known:
            x, y = zip(*known, strict=True)
            axes.plot(x, y, "|", ms=13.0, mew=2.0, color=INK, label="the paper", zorder=4)
        axes.set_yticks(range(len(models)), models)
        axes.set(xlim=(0.0, 1.015), ylim=(len(models) - 0.5, -0.5))
        axes.set_xlabel("accuracy on the test clips, with 95 % Wilson interval")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(axis="x", color=PALE, lw=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0, labelsize=9.0, labelcolor=INK)
        figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=7.5)
        return _drawn(figure, kind)


def _dots(axes: Axes, rows: Sequence[Row], models: list[str], k: int, count: int) -> None:
    colour, marker = SERIES[k % len(SERIES)]
    shift = (k - (count - 1) / 2) * 0.17
    at = [row.accuracy for row in rows]
    below = [max(row.accuracy - row.low, 0.0) for row in rows]
    above = [max(row.high - row.accuracy, 0.0) for row in rows]
    axes.errorbar(
        at,
        [models.index(row.model) + shift for row in rows],
        xerr=(below, above),
        fmt=marker,
        color=colour,
        ms=4.5,
        elinewidth=1.2,
        label=rows[0].series,
        zorder=3,
    )


def _drawn(figure: Figure, kind: Format) -> bytes:
    drawn = BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(drawn, format=kind, dpi=_DPI, metadata=metadata)
    return drawn.getvalue()
