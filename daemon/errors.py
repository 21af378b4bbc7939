"""Everything the daemon raises on purpose; the command line prints it as one sentence.

InstrdError
├── SourceError   a source cannot be opened or read
├── ConfigError   the configuration asks for something that is not allowed
└── WireError     an endpoint cannot be bound or reached
"""


class InstrdError(Exception):
    """What a user can act on: says what was got, what is allowed and where."""


class SourceError(InstrdError):
    """A source cannot be opened or read; names the path or device and the reason."""


class ConfigError(InstrdError):
    """The configuration asks for something that is not allowed."""


class WireError(InstrdError):
    """An endpoint cannot be bound or reached."""
