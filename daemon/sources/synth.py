"""`synth:?tones=440,660`: tones and noise, the same at every run."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from instrd.daemon.config import Pace
from instrd.daemon.errors import SourceError
from instrd.daemon.sources.replay import Replay
from instrd.daemon.sources.source import Source, block_size
from instrd.daemon.sources.uri import RateHz, SourceUri

Dbfs = Annotated[float, Meta(ge=-200.0, le=0.0)]


class SynthOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to make."""

    tones: str = "440"
    """Frequencies in Hz, separated by commas."""
    seconds: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 10.0
    rate: RateHz = 48_000
    level_dbfs: Dbfs = -20.0
    """RMS of all tones together."""
    seed: int | None = None
    """Adds white noise, another one for each seed."""
    noise_dbfs: Dbfs = -60.0
    """RMS of the noise."""


def open_synth(uri: SourceUri, pace: Pace, *, loop: bool) -> Source:
    """Make tones; each has the same level."""
    options = uri.options(SynthOptions)
    tones_hz = _tones_hz(uri, options)
    amplitude = np.sqrt(2.0 / len(tones_hz)) * 10.0 ** (options.level_dbfs / 20.0)
    if amplitude * len(tones_hz) > 1.0:
        raise SourceError(
            f"source {uri.text}: {len(tones_hz)} tones at {options.level_dbfs:g} dBFS would clip, "
            f"allowed is {-10.0 * np.log10(2.0 * len(tones_hz)):.1f} or less"
        )
    size = block_size(options.rate, pace)
    description = f"synthesiser {options.tones} Hz"
    return Replay(
        lambda: _blocks(options, tones_hz, float(amplitude), size),
        options.rate,
        description,
        loop=loop,
    )


def _tones_hz(uri: SourceUri, options: SynthOptions) -> NDArray[np.float64]:
    try:
        tones_hz = np.array([float(tone) for tone in options.tones.split(",")])
    except ValueError as error:
        raise SourceError(
            f"source {uri.text}: got tones {options.tones}, allowed are frequencies in Hz "
            "separated by commas"
        ) from error
    if not np.all((tones_hz > 0.0) & (tones_hz < options.rate / 2)):
        raise SourceError(
            f"source {uri.text}: got tones {options.tones}, allowed above 0 and below "
            f"{options.rate / 2:g} Hz"
        )
    return tones_hz


def _blocks(
    options: SynthOptions, tones_hz: NDArray[np.float64], amplitude: float, size: int
) -> Iterator[NDArray[np.float32]]:
    total = max(1, round(options.seconds * options.rate))
    noise = None if options.seed is None else np.random.default_rng(abs(options.seed))
    for first in range(0, total, size):
        positions = np.arange(first, min(first + size, total))
        turns = np.outer(tones_hz / options.rate, positions)
        signal = amplitude * np.sin(2.0 * np.pi * turns).sum(axis=0)
        if noise is not None:
            sigma = 10.0 ** (options.noise_dbfs / 20.0)
            signal += sigma * noise.standard_normal(len(positions))
        yield signal.astype(np.float32)
