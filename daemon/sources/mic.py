"""`mic:NAME`: a microphone or line input."""

import time
from threading import Event
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.sampleclock import wall_us
from instrd.daemon.sources.devices import Device, find_device, portaudio
from instrd.daemon.sources.lossmeter import LossMeter
from instrd.daemon.sources.source import Block, Pace, Source
from instrd.daemon.sources.uri import RateHz, SourceUri

BLOCKS_PER_S = 50
"""Small blocks cost CPU, but a hop waits for its last one."""
LATENCY_S = 0.04
"""PortAudio's buffer: two blocks. Its own "low" may not hold even one, and then a block takes
several reads; audio comes in the same small pieces either way."""
SILENT_S = 3.0
"""A device that gives nothing for so long has vanished; an idle virtual one sleeps up to 2 s."""
VIRTUAL_CHANNELS = 32
"""Sound servers offer this many or more and copy the sound around; they are opened as stereo."""


class MicrophoneOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to open a microphone."""

    channel: Annotated[int, Meta(ge=1)] | None = None
    """The one to use, from 1; without it the mean of all."""
    rate: RateHz | None = None
    """Without it the device's own."""


def open_microphone(uri: SourceUri, _pace: Pace, *, loop: bool) -> Source:
    """Open an audio input at its own rate with all its channels, which we mix ourselves."""
    if loop:
        raise SourceError(f"source {uri.text}: a microphone cannot be looped")
    return Microphone(*choose_microphone(uri))


def choose_microphone(uri: SourceUri) -> tuple[Device, MicrophoneOptions]:
    """Return the device that an address means, and how to open it."""
    options = uri.options(MicrophoneOptions)
    device = find_device(uri.name)
    channel = options.channel
    if channel is not None and channel > device.channels:
        allowed = f"allowed 1..{device.channels} of {device.name!r}"
        raise SourceError(f"source {uri.text}: got channel {channel}, {allowed}")
    return device, options


class Microphone:
    """Reads a device; it never waits inside PortAudio, which must not be closed meanwhile."""

    def __init__(self, device: Device, options: MicrophoneOptions) -> None:
        self.rate_hz = options.rate or device.rate_hz
        self.description = f'microphone "{device.name}"'
        self._channel = None if options.channel is None else options.channel - 1
        self._size = self.rate_hz // BLOCKS_PER_S
        self._closed = Event()
        self._has_reader = False
        self._losses = LossMeter(self.rate_hz, self._size)
        self._portaudio = portaudio()
        self._stream = self._open(device, _channels(device, options))

    def read(self) -> Block | None:
        self._has_reader = True
        try:
            count = self._wait_for_frames()
            if count:
                return self._take(count)
        except self._portaudio.PortAudioError as error:
            self._stream.close(ignore_errors=True)
            raise SourceError(f"{self.description}: cannot be read ({error})") from error
        except SourceError:
            self._stream.close(ignore_errors=True)
            raise
        self._stream.close(ignore_errors=True)
        return None

    def close(self) -> None:
        # The reading thread closes the device: doing it under its hands crashes the interpreter.
        self._closed.set()
        if not self._has_reader:
            self._stream.close(ignore_errors=True)

    def _open(self, device: Device, channels: int) -> Any:
        try:
            stream = self._portaudio.InputStream(
                device=device.index,
                samplerate=self.rate_hz,
                channels=channels,
                dtype="float32",
                latency=LATENCY_S,
            )
            stream.start()
        except self._portaudio.PortAudioError as error:
            raise DeviceError(
                f"{self.description}: cannot be opened with {channels} channels at "
                f"{self.rate_hz} Hz ({error})"
            ) from error
        return stream

    def _wait_for_frames(self) -> int:
        deadline_s = time.monotonic() + SILENT_S
        while not self._closed.is_set():
            available = int(self._stream.read_available)
            if available >= self._size:
                return available
            self._closed.wait((self._size - available) / self.rate_hz)
            if available := int(self._stream.read_available):
                return available
            if time.monotonic() > deadline_s:
                raise SourceError(f"{self.description}: gave no audio for {SILENT_S:g} s")
        return 0

    def _take(self, available: int) -> Block:
        count = min(available, self._size)
        frames, overflowed = self._stream.read(count)
        left = available - count
        lost = self._losses.feed(time.monotonic(), count, left, overflowed=overflowed)
        # What is still in the device was captured later than this block.
        return Block(self._mix(frames), lost, wall_us() - left * 1_000_000 // self.rate_hz)

    def _mix(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._channel is not None:
            return np.ascontiguousarray(frames[:, self._channel])
        mean: NDArray[np.float32] = frames.mean(axis=1)
        return mean


def _channels(device: Device, options: MicrophoneOptions) -> int:
    wanted = options.channel or 1
    if device.channels >= VIRTUAL_CHANNELS:
        return max(2, wanted)
    return device.channels
