"""Records one microphone for the daemon: `python -m instrd.daemon.recording WANTED`."""

import sys
from itertools import chain, repeat
from threading import Event

import msgspec

from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.pipe import Outlet
from instrd.daemon.recording.devices import choose_device, restart_portaudio
from instrd.daemon.recording.messages import Broken, Missing, Nothing, Opened, Wanted
from instrd.daemon.recording.parent import keep_pipe, watch_parent
from instrd.daemon.recording.recorder import Recorder

PAUSES_S = (0.25, 0.5, 1.0)
"""Between one look for the device and the next; the last one goes on."""
LOOKS = 200
"""PortAudio and ALSA leave some memory behind at each; then a fresh process goes on looking."""


def main() -> None:
    """Look for the device until it is there, then record it until it fails or the daemon ends."""
    wanted = msgspec.json.decode(sys.argv[1], type=Wanted)
    outlet, over = Outlet(keep_pipe()), watch_parent()
    try:
        _record(wanted, outlet, over)
    except BrokenPipeError:
        pass  # there is nobody to tell
    except DeviceError as error:
        outlet.send(Broken(str(error)))
    except Exception as error:  # noqa: BLE001  # the daemon logs it
        outlet.send(Broken(f"{type(error).__name__}: {error}"))


def _record(wanted: Wanted, outlet: Outlet, over: Event) -> None:
    recorder = _look(wanted, outlet, over)
    if recorder is None:
        return
    unread = 0
    while not over.is_set():
        heard = recorder.read()
        if heard is None:
            outlet.send(Nothing())
        elif outlet.send(msgspec.structs.replace(heard, unread=unread)):
            unread = 0
        else:
            unread += heard.lost + len(heard.samples) // 4
    recorder.close()


def _look(wanted: Wanted, outlet: Outlet, over: Event) -> Recorder | None:
    pauses_s = chain(PAUSES_S, repeat(PAUSES_S[-1], LOOKS))
    for pause_s in pauses_s:
        try:
            device = choose_device(wanted)
            recorder = Recorder(device, wanted)
        except SourceError as error:
            lasting = not isinstance(error, DeviceError)
            outlet.send(Missing(str(error), lasting))
            if over.wait(pause_s):
                return None
            restart_portaudio()
        else:
            outlet.send(Opened(recorder.rate_hz, device.name, device.identity))
            return recorder
    raise DeviceError("has not come back for long")


if __name__ == "__main__":
    main()
