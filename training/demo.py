"""Renders the demo piece with fluidsynth and measures its truth on each stem."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray

from instrd.training.demo_score import LAST_BEAT, PARTS, REST_BEATS, TEMPO, Part, notes
from instrd.training.errors import TrainingError

CREDIT = (
    "Composed and rendered for instrd (MIT) with the soundfonts FluidR3 GM by Frank Wen et al. "
    "(MIT) and MuseScore General by S. Christian Collins et al. (MIT)"
)
RATE_HZ = 44_100
TICKS_PER_BEAT = 960
LEAD_BEATS = 0.5
JITTER_BEATS = 0.01  # 7 ms, the spread of good players on a beat
REVERB = {"room-size": 0.4, "damp": 0.4, "width": 0.8, "level": 0.5}
REVERB_SEND = 32
FADE_S = 0.3
PEAK_DBFS = -3.0
FLOOR_DB = -45.0  # a stem sounds while it is above this, relative to its loudest frame
MERGE_S = 0.5
FRAMES_PER_S = 50
VORBIS_COMPRESSION = 0.4

Stem = NDArray[np.float32]  # (sample, 2)
Span = tuple[float, float]  # on and off, in seconds
Event = tuple[float, Any]  # beat and mido message


def played(part: Part, rng: np.random.Generator) -> Iterator[Event]:
    """Yield what a player would do with the notes: unsteady, with pedal, swells and vibrato."""
    last_beat, string = -1.0, 0
    for bar, phrase in part.phrases:
        for beat, beats, number, velocity in notes(part, bar, phrase):
            string = string + 1 if beat == last_beat else 0
            last_beat = beat
            on = beat + string * part.strum_beats + rng.normal(0, JITTER_BEATS)
            force = int(np.clip(velocity + rng.normal(0, 4), 1, 127))
            yield on, mido.Message("note_on", note=number, velocity=force)
            yield on + 0.97 * beats, mido.Message("note_off", note=number)
            if part.pedal:
                yield from pedal(beat, beats)
            if part.bowed:
                yield from bow(on, beats)


def control(beat: float, number: int, value: int) -> Event:
    return beat, mido.Message("control_change", control=number, value=value)


def pedal(beat: float, beats: float) -> Iterator[Event]:
    """Yield a pedal change at every new harmony (half a bar) and its release at the end."""
    if beat % 2 == 0:
        yield control(beat - 0.1, 64, 0)
        yield control(beat + 0.06, 64, 127)
        yield control(beat + max(2.0, beats) - 0.1, 64, 0)


def bow(on: float, beats: float) -> Iterator[Event]:
    """Yield the swell of one note; vibrato begins when a long note has settled."""
    for share, value in ((0.0, 96), (0.3, 112), (0.6, 120), (0.9, 100)):
        yield control(on + share * beats, 11, value)
    yield control(on, 1, 0)
    if beats >= 1:
        yield control(on + 0.4, 1, 36)


def performance(part: Part) -> mido.MidiFile:
    """Return a part as a MIDI file of one track; seeded by name, so no part depends on another."""
    channel = 9 if part.label == "drum" else 0
    start = -LEAD_BEATS
    events: list[Event] = [
        (start, mido.Message("program_change", program=part.program)),
        control(start, 10, part.pan),
        control(start, 91, REVERB_SEND),
        *played(part, np.random.default_rng(list(part.label.encode()))),
    ]
    events = [(beat, message.copy(channel=channel)) for beat, message in events]
    for beat, bpm in TEMPO:
        tempo = mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))
        events.append((beat or start, tempo))
    events.append((LAST_BEAT, mido.MetaMessage("end_of_track")))
    track, now = mido.MidiTrack(), 0
    for beat, message in sorted(events, key=lambda event: event[0]):
        tick = round((beat - start) * TICKS_PER_BEAT)
        track.append(message.copy(time=tick - now))
        now = tick
    return mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT, tracks=[track])


def seconds(beat: float) -> float:
    """Return when a beat falls, counted from the start of the file."""
    first_bpm = TEMPO[0][1]
    at_s = LEAD_BEATS * 60 / first_bpm
    ends = [start for start, _ in TEMPO[1:]] + [LAST_BEAT]
    for (start, bpm), end in zip(TEMPO, ends, strict=True):
        at_s += max(0.0, min(beat, end) - start) * 60 / bpm
    return at_s


def rendered(part: Part) -> Stem:
    """Return a part as fluidsynth plays it, cut to the length of the piece.

    Raises TrainingError where fluidsynth or the soundfont is missing, or fluidsynth fails.
    """
    fluidsynth = shutil.which("fluidsynth")
    if fluidsynth is None or not part.soundfont.exists():
        reason = (
            f"{part.label} needs fluidsynth and this soundfont; on Debian install "
            "fluidsynth, fluid-soundfont-gm and musescore-general-soundfont"
        )
        raise TrainingError(part.soundfont, reason)
    reverb = [f"-osynth.reverb.{name}={value}" for name, value in REVERB.items()]
    with tempfile.TemporaryDirectory() as folder:
        score, wav = Path(folder, "part.mid"), Path(folder, "part.wav")
        performance(part).save(score)
        command = [fluidsynth, "-niq", "-Twav", "-Ofloat", f"-F{wav}", f"-r{RATE_HZ}", "-g0.5"]
        command += ["-osynth.chorus.active=0", *reverb, str(part.soundfont), str(score)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed command, no shell
        if done.returncode or not wav.exists():
            raise TrainingError(part.label, f"fluidsynth failed: {done.stderr.strip()}")
        stem = np.asarray(soundfile.read(wav, always_2d=True)[0], dtype=np.float32)
    length = round(seconds(LAST_BEAT) * RATE_HZ)
    stem = np.pad(stem[:length], ((0, max(0, length - len(stem))), (0, 0)))
    return np.asarray(stem * faded(length)[:, None], dtype=np.float32)


def faded(length: int) -> Stem:
    """Return the gain that brings true silence to the rest and to the end."""
    rest_on, rest_off = (seconds(beat) for beat in REST_BEATS)
    end = length / RATE_HZ
    times = [0.0, rest_on - FADE_S, rest_on, rest_off, rest_off + 0.01, end - 3 * FADE_S, end - 0.1]
    gain = np.interp(np.arange(length) / RATE_HZ, times, [1, 1, 0, 0, 1, 1, 0])
    return gain.astype(np.float32)


def loud_frames(stem: Stem) -> NDArray[np.bool_]:
    power = frame_power(stem)
    return np.asarray(power > power.max() * 10 ** (FLOOR_DB / 10))


def frame_power(stem: Stem) -> NDArray[np.float64]:
    frame = RATE_HZ // FRAMES_PER_S
    whole = stem[: len(stem) // frame * frame].reshape(-1, frame * 2)
    return np.asarray(np.square(whole, dtype=np.float64).mean(axis=1))


def levelled(stem: Stem, level_dbfs: float) -> Stem:
    """Return the stem at this level, measured only while it sounds."""
    rms = np.sqrt(frame_power(stem)[loud_frames(stem)].mean())
    return np.asarray(stem * (10 ** (level_dbfs / 20) / rms), dtype=np.float32)


def spans(stem: Stem) -> list[Span]:
    """Return when a stem sounds; pauses shorter than half a second count as sound."""
    frames = np.flatnonzero(loud_frames(stem))
    breaks = np.flatnonzero(np.diff(frames) > MERGE_S * FRAMES_PER_S)
    firsts = frames[np.concatenate(([0], breaks + 1))]
    lasts = frames[np.concatenate((breaks, [len(frames) - 1]))] + 1
    return [
        (float(on), float(off))
        for on, off in zip(firsts / FRAMES_PER_S, lasts / FRAMES_PER_S, strict=True)
    ]


def truth(stems: dict[str, Stem]) -> dict[str, object]:
    """Return what demo.json holds."""
    length = len(next(iter(stems.values())))
    events = [
        {"label": label, "t_on_s": on, "t_off_s": off}
        for label, stem in stems.items()
        for on, off in spans(stem)
    ]
    rest_on, rest_off = (round(seconds(beat), 3) for beat in REST_BEATS)
    return {
        "rate_hz": RATE_HZ,
        "seconds": round(length / RATE_HZ, 3),
        "credit": CREDIT,
        "events": sorted(events, key=lambda event: (event["t_on_s"], event["label"])),
        "silences": [{"t_on_s": rest_on, "t_off_s": rest_off}],
    }


def render(folder: Path) -> None:
    """Write demo.ogg and demo.json into a folder; always the same samples.

    Two files differ only in the serial number that libsndfile draws for an Ogg stream.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stems = {part.label: levelled(rendered(part), part.level_dbfs) for part in PARTS}
    mix = np.sum(list(stems.values()), axis=0)
    mix *= 10 ** (PEAK_DBFS / 20) / np.abs(mix).max()
    with soundfile.SoundFile(
        folder / "demo.ogg",
        "w",
        RATE_HZ,
        channels=2,
        format="OGG",
        subtype="VORBIS",
        compression_level=VORBIS_COMPRESSION,
    ) as ogg:
        # libsndfile's Vorbis encoder overflows its stack when given minutes at once.
        for start in range(0, len(mix), RATE_HZ):
            ogg.write(mix[start : start + RATE_HZ])
    (folder / "demo.json").write_text(json.dumps(truth(stems), indent=1) + "\n")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m instrd.training.demo OUTDIR")
    render(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
