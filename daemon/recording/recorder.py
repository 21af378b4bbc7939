"""An open device: blocks of samples, what was lost before them, and when they were captured."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instrd.daemon.errors import DeviceError
from instrd.daemon.recording.devices import Device, portaudio
from instrd.daemon.recording.lossmeter import LossMeter
from instrd.daemon.recording.messages import Heard, Wanted

BLOCKS_PER_S = 50
"""Small blocks cost CPU, but a hop waits for its last one."""
LATENCY_S = 0.04
"""PortAudio's buffer: two blocks. Its own "low" may not hold even one, and then a block takes
several reads; audio comes in the same small pieces either way."""
NOTHING_S = 0.25
"""After so long without audio that is said."""
VIRTUAL_CHANNELS = 32
"""Sound servers offer this many or more and copy the sound around; they are opened as stereo."""


class Recorder:
    """Reads a device; it never waits inside PortAudio."""

    def __init__(self, device: Device, wanted: Wanted) -> None:
        self.rate_hz = wanted.rate_hz or device.rate_hz
        self._channel = None if wanted.channel is None else wanted.channel - 1
        self._size = self.rate_hz // BLOCKS_PER_S
        self._losses = LossMeter(self.rate_hz, self._size)
        self._portaudio = portaudio()
        self._stream = self._open(device, _channels(device, wanted))

    def read(self) -> Heard | None:
        """Wait for the next block; None where nothing came for `NOTHING_S`.

        Raises DeviceError where the device cannot be read any more.
        """
        try:
            count = self._wait_for_frames()
            return self._take(count) if count else None
        except self._portaudio.PortAudioError as error:
            raise DeviceError(f"cannot be read ({error})") from error

    def close(self) -> None:
        """Close the device; beside a sound server that is frozen this may take for ever."""
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
                f'microphone "{device.name}": cannot be opened with {channels} channels at '
                f"{self.rate_hz} Hz ({error})"
            ) from error
        return stream

    def _wait_for_frames(self) -> int:
        deadline_s = time.monotonic() + NOTHING_S
        while True:
            available = int(self._stream.read_available)
            if available >= self._size:
                return available
            time.sleep((self._size - available) / self.rate_hz)
            available = int(self._stream.read_available)
            if available or time.monotonic() > deadline_s:
                return available

    def _take(self, available: int) -> Heard:
        count = min(available, self._size)
        frames, overflowed = self._stream.read(count)
        now_ns, left = time.monotonic_ns(), available - count
        lost = self._losses.feed(now_ns / 1e9, count, left, overflowed=overflowed)
        # What is still in the device was captured later than this block.
        t_end_ns = now_ns - left * 1_000_000_000 // self.rate_hz
        return Heard(self._mix(frames).tobytes(), lost, 0, t_end_ns)

    def _mix(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._channel is not None:
            return frames[:, self._channel]
        mean: NDArray[np.float32] = frames.mean(axis=1)
        return mean


def _channels(device: Device, wanted: Wanted) -> int:
    at_least = wanted.channel or 1
    if device.channels >= VIRTUAL_CHANNELS:
        return max(2, at_least)
    return device.channels
