"""The commands of those who follow a running instrd, here or on another machine."""

from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console

from instrd.clients.dashboard import watch as watch_subscriber
from instrd.clients.keyboard import Keyboard
from instrd.clients.keyfile import make_pair
from instrd.clients.subscriber import DEFAULT_ENDPOINT, Subscriber
from instrd.clients.tail import json_lines, lines
from instrd.daemon.errors import ConfigError
from instrd.daemon.printing import complain
from instrd.daemon.signals import StopWish, obey_signals

Endpoint = Annotated[str, typer.Option("--connect", help="Where instrd publishes.")]
ServerKey = Annotated[
    Path | None,
    typer.Option("--server-key", help="Of an instrd elsewhere: its public key file, NAME.key."),
]
OwnKey = Annotated[
    Path | None, typer.Option("--key", help="With --server-key: your own NAME.key_secret.")
]


def tail(
    connect: Endpoint = DEFAULT_ENDPOINT,
    server_key: ServerKey = None,
    key: OwnKey = None,
    json: Annotated[bool, typer.Option("--json", help="Every message, one a line.")] = False,
) -> None:
    """Print what a running instrd publishes, until it says bye or Ctrl-C."""
    complain(f"following {connect}")
    wish = StopWish()
    with (
        _following(connect, server_key, key) as subscriber,
        obey_signals(wish),
    ):
        told = (
            json_lines(subscriber, complain, stop=lambda: bool(wish))
            if json
            else lines(subscriber, stop=lambda: bool(wish))
        )
        for text in told:
            print(text, flush=True)
        if subscriber.invalid or subscriber.surplus:
            complain(f"{subscriber.invalid} not read, {subscriber.surplus} passed over")


def watch(
    connect: Endpoint = DEFAULT_ENDPOINT, server_key: ServerKey = None, key: OwnKey = None
) -> None:
    """Draw what a running instrd hears, and the next one after a restart, until q or Ctrl-C.

    Plain lines, until it says bye, where there is no terminal.
    """
    wish = StopWish()
    with (
        _following(connect, server_key, key) as subscriber,
        obey_signals(wish),
        Keyboard(lambda: wish.ask("q was typed")) as keyboard,
    ):
        watch_subscriber(subscriber, Console(), lambda: bool(wish), keyboard=keyboard, stays=True)


def _following(connect: str, server_key: Path | None, key: Path | None) -> Subscriber:
    try:
        return Subscriber(connect, server_key=server_key, key=key)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def keygen(
    name: Annotated[str, typer.Argument(help="Such as the name of this machine.")],
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Where to; default: the user's config folder of instrd."),
    ] = None,
) -> None:
    """Make a pair of keys, for an instrd that other machines follow or for one who follows it."""
    chosen = folder or platformdirs.user_config_path("instrd")
    public, secret = make_pair(name, chosen.absolute())
    print(f"""\
made {secret}  (secret: it stays on this machine)
 and {public}  (public: give it to the other side)

For an instrd that others follow, in its config:
  [daemon]
  publish = ["tcp://127.0.0.1:5570", "tcp://0.0.0.0:5571"]
  [security]
  server_key = "{secret}"
  clients = "FOLDER"    # of the .key files of those who may connect

To follow an instrd, put {public.name} into its clients folder, let it reload (SIGHUP), then:
  instrd tail --connect tcp://HOST:5571 --server-key SERVER.key --key {secret}""")
