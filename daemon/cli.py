"""The program `instrd`."""

import logging
import sys
from functools import partial
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

import msgspec
import typer
from rich.console import Console
from rich.progress import track

from instrd.clients.control import ControlError
from instrd.clients.keyfile import KeyFileError
from instrd.daemon.asking import ask
from instrd.daemon.checking import check_config
from instrd.daemon.classify import classify as classify_file
from instrd.daemon.cli_following import keygen, tail, watch
from instrd.daemon.config import Config, Device, Pace, SourceChoice
from instrd.daemon.configfile import read_config
from instrd.daemon.doctor.command import doctor
from instrd.daemon.errors import ConfigError, InstrdError, exit_code_of
from instrd.daemon.exit_codes import ExitCode
from instrd.daemon.hearing import Hearing, model_folders
from instrd.daemon.logs import log_to_stderr
from instrd.daemon.printing import FULL, complain, discard
from instrd.daemon.recording.devices import list_devices
from instrd.daemon.rules import check_labels
from instrd.daemon.run import run as run_daemon
from instrd.daemon.tables import device_table, model_table, verdict_table
from instrd.models.audiofile import files_below
from instrd.models.bundle import find_bundle
from instrd.models.errors import AudioFileError, BundleError

S = TypeVar("S", bound=msgspec.Struct)
ON_PURPOSE = (InstrdError, BundleError, AudioFileError, KeyFileError, ControlError, ConnectionError)
OF_PROGRAM = ("--help", "-h", "--version")
"""Options that belong to `instrd`; any other one before a command belongs to `instrd run`."""

app = typer.Typer(
    name="instrd",
    help="Tells which musical instruments are playing right now, over ZeroMQ. "
    "Without a command it is 'instrd run'.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings; config.toml shows all of them.")
]
ModelName = Annotated[
    str | None, typer.Option("--model", help="Name of a model; 'instrd models' lists them.")
]


@app.callback(invoke_without_command=True)
def program(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if show_version:
        print(f"instrd {version('instrd')}")
        raise typer.Exit


@app.command()
def run(
    config: ConfigFile = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="What to listen to, again for more; default: auto.",
        ),
    ] = None,
    model: ModelName = None,
    publish: Annotated[
        list[str] | None,
        typer.Option("--publish", help="ZeroMQ endpoint, again for more: tcp://127.0.0.1:5570."),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="cpu or cuda.")] = None,
    pace: Annotated[
        str | None, typer.Option("--pace", help="Of files and pipes: realtime or fast.")
    ] = None,
    control: Annotated[
        str | None, typer.Option("--control", help="ipc endpoint for commands, or none.")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start files again at their end.")] = False,
    dashboard: Annotated[
        bool | None,
        typer.Option("--dashboard/--no-dashboard", help="Draw; default: on a terminal."),
    ] = None,
) -> None:
    """Listen, name the instruments, publish.

    A source is auto (the default microphone, else the bundled recording), mic:,
    mic:NAME?channel=1, file:PATH, stdin:?rate=48000&channels=2&format=s16le or
    synth:?tones=440&seconds=2.

    Ends with exit code 0 on Ctrl-C, SIGTERM or when all sources have ended, 1 when something
    fails while running, 2 on bad input or settings, 4 when an endpoint is in use.
    """
    console = Console()

    def read(*, again: bool = False) -> Config:
        settings = read_config(config, again=again) if config else Config()
        settings = _with_model(settings, model, device)
        settings = _with_sources(settings, source, pace, loop=loop)
        daemon = _given(settings.daemon, publish=tuple(publish or ()), control=control)
        return _given(settings, daemon=daemon)

    # what came through a pipe came once
    settings, again = read(), partial(read, again=True) if config and config.is_file() else None
    logging.getLogger("instrd").setLevel(settings.daemon.log_level.upper())
    raise typer.Exit(run_daemon(settings, read_again=again, dashboard=dashboard, console=console))


@app.command()
def classify(
    files: Annotated[
        list[Path], typer.Argument(help="Audio files (wav, flac, ogg, opus, mp3), or folders.")
    ],
    model: ModelName = None,
    config: ConfigFile = None,
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask", help="The likeliest of these alone, as piano,guitar, even if faint."
        ),
    ] = None,
    output: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json: one line a file.")
    ] = "table",
    frames: Annotated[bool, typer.Option("--frames", help="Every judgement, in JSON.")] = False,
) -> None:
    """Judge whole files, as fast as the machine can.

    Goes on with the others when a file cannot be read, and ends with exit code 2.
    """
    settings = _with_model(read_config(config) if config else Config(), model, None)
    if frames and output != "json":
        raise ConfigError("--frames: goes with --format json only")
    settings = _with_mask(settings, mask)
    hearing = Hearing(settings, "classify")
    verdicts, left_out = [], []
    drawn = output == "table" and Console(stderr=True).is_terminal  # a bar would swallow lines
    listed = [file for path in files for file in files_below(path) or [path]]
    for path in track(listed, "Listening", console=Console(stderr=True), disable=not drawn):
        try:
            verdict = classify_file(path, hearing, with_frames=frames)
        except AudioFileError as error:
            left_out.append(str(error))
            continue
        if output == "json":
            print(msgspec.json.encode(verdict).decode(), flush=True)
        verdicts.append(verdict)
    if output == "table" and verdicts:
        Console().print(verdict_table(verdicts, settings.decision.mask))
    if left_out:
        complain("\n  ".join((f"left out {len(left_out)} of {len(listed)} files:", *left_out)))
        raise typer.Exit(ExitCode.BAD_INPUT)


for command in (tail, watch, ask, doctor, check_config, keygen):
    app.command()(command)


@app.command()
def devices() -> None:
    """List the microphones and line inputs, for --source mic:NAME."""
    if not (found := list_devices()):
        print("no microphone or line input is there; `instrd doctor` may say why")
        return
    Console().print(device_table(found))


@app.command()
def models(config: ConfigFile = None) -> None:
    """List the models that can be chosen."""
    settings = read_config(config) if config else Config()
    Console().print(model_table(model_folders(settings)))


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit; what we raise on purpose is one sentence and its exit code."""
    log_to_stderr()
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the terminal cannot show ends no program.
        sys.stdout.reconfigure(errors="replace")
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in OF_PROGRAM):
        arguments = ["run", *arguments]
    try:
        app(args=arguments)
    except ON_PURPOSE as error:
        complain(f"instrd: {error}")
        sys.exit(exit_code_of(error))
    except OSError as error:
        if error.errno not in FULL:
            raise
        discard(sys.stdout.fileno())
        complain(f"instrd: nothing more can be written: {error}")
        sys.exit(ExitCode.FAILED)


def _with_model(config: Config, name: str | None, device: str | None) -> Config:
    _refuse_other("--device", device, get_args(Device))
    return _given(config, model=_given(config.model, name=name, device=device))


def _with_sources(
    config: Config, uris: list[str] | None, pace: str | None, *, loop: bool
) -> Config:
    _refuse_other("--pace", pace, get_args(Pace))
    sources = tuple(SourceChoice(uri) for uri in uris) if uris else config.source
    return _given(config, source=tuple(_given(one, pace=pace, loop=loop) for one in sources))


def _with_mask(config: Config, text: str | None) -> Config:
    if text is None:
        return config
    labels = tuple(label.strip() for label in text.split(","))
    if not all(labels):
        raise ConfigError(f"--mask: got {text!r}, allowed: labels, as piano,guitar")
    check_labels("--mask", labels, find_bundle(config.model.name, model_folders(config)).manifest)
    return _given(config, decision=_given(config.decision, mask=labels))


def _refuse_other(option: str, got: str | None, allowed: tuple[str, ...]) -> None:
    if got and got not in allowed:
        raise ConfigError(f"{option}: got {got!r}, allowed: {', '.join(allowed)}")


def _given(struct: S, **changes: object) -> S:
    """Return the struct with those changes that are any, checked like a file's content."""
    given = {key: value for key, value in changes.items() if value}
    changed = msgspec.structs.replace(struct, **given)
    try:
        return msgspec.convert(msgspec.to_builtins(changed), type(struct))
    except msgspec.ValidationError as error:
        raise ConfigError(f"command line: {error}") from error
