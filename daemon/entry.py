"""`instrd`, also where Ctrl-C comes while it is being loaded."""

import signal


def main() -> None:
    """Run the command line; until it is loaded, Ctrl-C ends it without a word."""
    former = signal.getsignal(signal.SIGINT)
    if former is signal.default_int_handler:  # it may be ignored, as in the background of a script
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from instrd.daemon.cli import main as run  # noqa: PLC0415 - takes half a second

    signal.signal(signal.SIGINT, former)
    run()
