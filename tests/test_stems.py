"""The stem bank: what is made of which sources, and what is credited."""

import signal
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from melodies import write_melody
from small_run import small_bank, small_recipe
from sounds import silence, tone

from instrd.training.errors import TrainingError
from instrd.training.folders.pool import read_pool
from instrd.training.mixtures.export import _credits
from instrd.training.recipe import Recipe
from instrd.training.stems import stems
from instrd.training.stems.noises import noises
from instrd.training.stems.renders import Source, chained, ringing, sampled
from instrd.training.stems.stem_jobs import (
    NOISES,
    ORGANS,
    SINGING,
    SINSY,
    SPEAKERS,
    Job,
    Sounds,
    _pool_jobs,
    _synthetic_jobs,
    stem_jobs,
)
from instrd.training.stems.stems import BANK, read_tracks, render_bank
from instrd.training.stems.trained_singing import CREDIT

RATE_HZ = 16_000
FIELDS = "path,label,source,original,licence,credit,kind,seconds"


def small_pool(folder: Path, *rows: str) -> Path:
    folder.mkdir()
    lines = [
        f"{name}.wav,{label},{name},{name},,,{kind},2" for name, label, kind in map(str.split, rows)
    ]
    (folder / "manifest.csv").write_text("\n".join([FIELDS, *lines]))
    return folder


def small_midi(folder: Path) -> Path:
    for file in ("pop909/1.mid", "groove/1.mid"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def test_a_soundfont_that_is_missing_is_told_before_anything_is_rendered(tmp_path: Path) -> None:
    stems = msgspec.structs.replace(small_recipe().stems, soundfonts=(f"{tmp_path}/none.sf2",))
    sounds = Sounds([], small_midi(tmp_path))
    with pytest.raises(TrainingError, match=r"none\.sf2: no such soundfont"):
        render_bank(small_recipe(stems=stems), sounds, folder=tmp_path / "bank", processes=1)
    assert not (tmp_path / "bank").exists()


def speakers_of(job: Job) -> list[Path]:
    recordings: list[Path] = job.render.args[0]
    return recordings


def test_speech_that_is_given_is_made_to_sing_by_speakers_of_one_part_each(tmp_path: Path) -> None:
    for k in range(40):
        for file in (f"midi/pop909/{k}.mid", f"speech/{k}/word.wav"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
    sounds = Sounds([tmp_path], tmp_path / "midi", [tmp_path / "speech"])
    jobs = list(_synthetic_jobs(small_recipe(), sounds))
    made = [(job.label, job.origin, job.part) for job in jobs]
    assert sorted(made) == sorted(
        (label, origin, part)
        for label, origin in (("voice", SINGING), ("organ", ORGANS), ("voice", SPEAKERS))
        for part in ("train", "calibrate")
    )
    singers = [path for job in jobs if job.origin == SPEAKERS for path in speakers_of(job)]
    assert len(singers) == len(set(singers)) == 40
    without = _synthetic_jobs(small_recipe(), Sounds([tmp_path], tmp_path / "midi"))
    assert SPEAKERS not in {job.origin for job in without}


def test_a_folder_without_speech_is_named(tmp_path: Path) -> None:
    (tmp_path / "midi" / "pop909").mkdir(parents=True)
    (tmp_path / "midi" / "pop909" / "1.mid").touch()
    sounds = Sounds([tmp_path], tmp_path / "midi", [tmp_path / "nobody"])
    with pytest.raises(TrainingError, match="nobody: holds no recording of speech"):
        list(_synthetic_jobs(small_recipe(), sounds))


def test_notes_are_chained_ring_and_play_scores_and_phrases_are_played_as_they_are(
    tmp_path: Path,
) -> None:
    pool = small_pool(tmp_path / "pool", "keys flute notes", "solo flute phrases", "kit drum notes")
    base = small_recipe(labels=("flute", "drum", "other"))
    sounds = Sounds([pool], small_midi(tmp_path / "midi"))
    jobs = list(_pool_jobs(base, pool, sounds))
    made = {(job.label, job.origin, job.render.func) for job in jobs}
    assert made == {
        ("flute", "keys", chained),
        ("flute", "keys, ringing", ringing),
        ("flute", "keys, played", sampled),
        ("flute", "solo", chained),
        ("drum", "kit", chained),
        ("drum", "kit, ringing", ringing),
    }


def test_pools_go_together_unless_they_have_the_same_instrument_of_one_source(
    tmp_path: Path,
) -> None:
    midi = small_midi(tmp_path / "midi")
    pools = [
        small_pool(tmp_path / "first", "keys flute notes"),
        small_pool(tmp_path / "second", "keys drum notes", "solo flute notes"),
    ]
    recipe = small_recipe()
    made = {(job.label, job.origin) for job in stem_jobs(recipe, Sounds(pools, midi))}
    assert made >= {("flute", "keys"), ("drum", "keys"), ("flute", "solo")}
    pools.append(small_pool(tmp_path / "third", "solo flute notes"))
    with pytest.raises(TrainingError, match=r"third: has flute of solo.* as a pool before has"):
        stem_jobs(recipe, Sounds(pools, midi))


def test_a_label_that_no_soundfont_plays_is_told_before_anything_is_rendered(
    tmp_path: Path,
) -> None:
    midi = small_midi(tmp_path / "midi")
    pool = small_pool(tmp_path / "pool", "keys flute notes", "box accordion notes")
    with pytest.raises(TrainingError, match=r"pool: got label accordion, allowed bass, cello, "):
        stem_jobs(small_recipe(), Sounds([pool], midi))
    strange = small_recipe(labels=("harp", "flute"))
    with pytest.raises(TrainingError, match=r"recipe base: got label harp, allowed bass, "):
        stem_jobs(strange, Sounds([], midi))


def test_ringing_notes_lose_the_silence_around_them_and_keep_their_length(tmp_path: Path) -> None:
    pool = small_pool(tmp_path / "pool", "keys flute notes")
    note = np.concatenate([silence(0.5, RATE_HZ), tone(440.0, 1.0, RATE_HZ), silence(0.5, RATE_HZ)])
    soundfile.write(pool / "keys.wav", note, RATE_HZ)
    recipe = small_recipe()
    source = Source(recipe, pool, read_pool(pool), 1.0)
    track = ringing(source, rng=np.random.default_rng(3))
    assert len(track) == 2 * recipe.stems.repeats * RATE_HZ / 2
    assert np.abs(track[: RATE_HZ // 10]).max() > 0.1
    soundfile.write(pool / "keys.wav", silence(2.0, RATE_HZ), RATE_HZ)
    assert len(ringing(source, rng=np.random.default_rng(3))) == 0


def test_a_sampler_plays_no_note_that_its_label_does_not_play(tmp_path: Path) -> None:
    score = write_melody(tmp_path / "score.mid")
    for label, plays in (("flute", True), ("bass", False)):
        pool = small_pool(tmp_path / label, *(f"{pitch} {label} notes" for pitch in range(62, 76)))
        for pitch in range(62, 76):
            hz = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
            soundfile.write(pool / f"{pitch}.wav", tone(hz, 1.0, RATE_HZ), RATE_HZ)
        source = Source(small_recipe(), pool, read_pool(pool), 0.05)
        played = sampled(source, [score], rng=np.random.default_rng(3))
        assert bool(len(played)) == plays


def test_sinsy_sings_and_is_credited_only_where_asked(tmp_path: Path) -> None:
    midi = small_midi(tmp_path / "midi")
    for sinsy in (False, True):
        jobs = _synthetic_jobs(small_recipe(), Sounds([tmp_path], midi, sinsy=sinsy))
        assert (SINSY in {job.origin for job in jobs}) == sinsy
    pool, bank = small_pool(tmp_path / "pool", "keys flute notes"), small_bank(tmp_path / "bank")
    assert CREDIT not in _credits(small_recipe(), [pool], bank)
    sung = [msgspec.structs.replace(track, origin=SINSY) for track in read_tracks(bank)]
    (bank / BANK).write_bytes(msgspec.json.encode(sung))
    assert CREDIT in _credits(small_recipe(), [pool], bank)


def recorded_pool(folder: Path, *rows: str) -> Path:
    small_pool(folder, *rows)
    for row in rows:
        soundfile.write(folder / f"{row.split()[0]}.wav", tone(440.0, 2.0, RATE_HZ), RATE_HZ)
    return folder


def files_of(recipe: Recipe, pool: Path, midi: Path) -> list[str]:
    return [job.file(recipe) for job in _pool_jobs(recipe, pool, Sounds([pool], midi))]


def test_a_track_has_another_file_where_it_would_sound_otherwise_and_only_then(
    tmp_path: Path,
) -> None:
    recipe, midi = small_recipe(), small_midi(tmp_path / "midi")
    pool = recorded_pool(tmp_path / "pool", "keys flute notes", "solo flute phrases")
    before = files_of(recipe, pool, midi)
    fit = msgspec.structs.replace(recipe.fit, steps=9)
    renamed = msgspec.structs.replace(recipe, name="mine", fit=fit)
    pool.rename(tmp_path / "moved")
    pool = tmp_path / "moved"
    assert files_of(renamed, pool, midi) == before
    shorter = msgspec.structs.replace(recipe.stems, repeats=2.0)
    coarse = msgspec.structs.replace(recipe.front_end, hop=400)
    for change in ({"stems": shorter}, {"front_end": coarse}, {"seed": 1}):
        assert not set(files_of(small_recipe(**change), pool, midi)) & set(before)
    # as long as it was, and of the same name
    soundfile.write(pool / "solo.wav", tone(220.0, 2.0, RATE_HZ), RATE_HZ)
    after = files_of(recipe, pool, midi)
    assert [new == old for new, old in zip(after, before, strict=True)] == [True] * 3 + [False]


def test_sources_whose_names_differ_in_case_or_a_dash_have_files_of_their_own() -> None:
    render = partial(noises, 10, RATE_HZ)
    origins = ("My Keys", "My-Keys", "my keys")
    jobs = [Job("piano", origin, "train", render) for origin in origins]
    assert len({job.file(small_recipe()) for job in jobs}) == 3


def fails(*, rng: np.random.Generator) -> np.ndarray:
    raise TrainingError("score", f"fails, {rng.integers(2)}")


def notes_down(folder: Path, released: Path, *, rng: np.random.Generator) -> np.ndarray:
    """Tell by a file that this was rendered, once it may end."""
    (folder / f"{rng.integers(2**62)}.begun").touch()
    while not released.exists():
        time.sleep(0.01)
    return np.zeros(RATE_HZ, np.float32)


def test_the_first_track_that_fails_ends_the_rendering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = tmp_path / "released"

    class Releases(ProcessPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            released.touch()
            for worker in active_children():
                worker.join()

    monkeypatch.setattr(stems, "ProcessPoolExecutor", Releases)
    renders = [partial(fails), *(partial(notes_down, tmp_path, released) for _ in range(8))]
    jobs = [Job("other", f"{place}", "train", render) for place, render in enumerate(renders)]
    wanted = [(job, tmp_path / f"{job.origin}.npy") for job in jobs]
    with pytest.raises(TrainingError, match="score: fails"):
        stems._render_all(wanted, small_recipe(), 1)
    assert len(list(tmp_path.glob("*.begun"))) <= 3  # what waits in the executor's own queue


def test_an_interrupt_ends_at_once_what_is_being_rendered(tmp_path: Path) -> None:
    def interrupted(things: Iterable[object], *_: object) -> Iterable[object]:
        while not list(tmp_path.glob("*.begun")):
            time.sleep(0.01)
        raise KeyboardInterrupt

    job = Job("other", "endless", "train", partial(notes_down, tmp_path, tmp_path / "never"))
    with pytest.raises(KeyboardInterrupt):
        stems._render_all([(job, tmp_path / "endless.npy")], small_recipe(), 1, interrupted)
    assert not active_children()


def interrupts_itself(*, rng: np.random.Generator) -> np.ndarray:
    signal.raise_signal(signal.SIGINT)
    return rng.normal(size=RATE_HZ).astype(np.float32)


def test_a_process_that_renders_leaves_an_interrupt_to_its_parent(tmp_path: Path) -> None:
    job = Job("other", "noise", "train", partial(interrupts_itself))
    stems._render_all([(job, tmp_path / "noise.npy")], small_recipe(), 1)
    assert (tmp_path / "noise.npy").exists()


def test_rendering_again_renders_what_has_changed_and_removes_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = {NOISES: RATE_HZ, "wind": RATE_HZ}

    def jobs(*_: object) -> list[Job]:
        made = {origin: partial(noises, length, RATE_HZ) for origin, length in plans.items()}
        return [Job("other", origin, "train", render) for origin, render in made.items()]

    monkeypatch.setattr(stems, "stem_jobs", jobs)
    base = small_recipe()
    recipe = small_recipe(stems=msgspec.structs.replace(base.stems, soundfonts=()))
    bank, watched = tmp_path / "bank", []

    def watch(things: Iterable[object], what: str, count: int) -> Iterable[object]:
        watched.append(count)
        return things

    def rendered() -> tuple[int, int]:
        return render_bank(recipe, Sounds([], tmp_path), folder=bank, processes=1, watch=watch)

    assert rendered() == (2, 0)
    plans["wind"] *= 2
    (bank / read_tracks(bank)[0].file).write_bytes(b"torn")
    assert rendered() == (2, 0)
    del plans[NOISES]
    assert rendered() == (0, 1)
    assert watched == [2, 2, 0]
    (left,) = read_tracks(bank)
    assert left.origin == "wind"
    assert [file.name for file in bank.glob("*.npy")] == [left.file]
