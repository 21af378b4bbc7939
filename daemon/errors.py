"""Everything the daemon raises on purpose; the command line prints it as one sentence.

InstrdError
├── SourceError      a source cannot be opened or read
│   └── DeviceError  a microphone is not there now
├── ConfigError      the configuration asks for something that is not allowed
└── WireError        an endpoint cannot be bound or reached
    ├── InUseError   another process holds it now
    └── PublishingError  the process that publishes does not start
"""

from typing import ClassVar

from instrd.daemon.exit_codes import ExitCode


class InstrdError(Exception):
    """What a user can act on: says what was got, what is allowed and where."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_INPUT
    """What the program ends with where nobody catches it."""


class SourceError(InstrdError):
    """A source cannot be opened or read; names the path or device and the reason."""


class DeviceError(SourceError):
    """A microphone is not there or cannot be opened now; later it may be."""


class ConfigError(InstrdError):
    """The configuration asks for something that is not allowed."""


class WireError(InstrdError):
    """An endpoint cannot be bound or reached."""


class InUseError(WireError):
    """Another process holds an endpoint; later it may be free."""

    exit_code = ExitCode.IN_USE


class PublishingError(WireError):
    """The process that publishes cannot be started; later it may be."""

    exit_code = ExitCode.FAILED


def exit_code_of(error: Exception) -> ExitCode:
    """Return what the program ends with for an error that is told in one sentence."""
    return error.exit_code if isinstance(error, InstrdError) else ExitCode.BAD_INPUT
