"""How the program ends, for whoever started it: the one table of exit codes."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a supervisor may conclude; docs/running.md says it to people."""

    DONE = 0
    """Ended in order: a signal, `shutdown`, or all sources have ended."""
    FAILED = 1
    """Failed while running, a source or we ourselves: another start may help."""
    BAD_INPUT = 2
    """Arguments, configuration, model or installation are no good: another start does not help."""
    IN_USE = 4
    """Another process holds an endpoint: a start helps once that one has gone."""
