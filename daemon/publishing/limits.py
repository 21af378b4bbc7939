"""How much of the machine the publishing process may take, whatever its peers send."""

import resource
from typing import Final

MEMORY_BYTES: Final = 512 << 20
"""libzmq holds without limit what one peer subscribes to, or sends as parts of a message that has
no end; where it gets no more memory it aborts, and a fresh process takes over."""
FILES: Final = 8192
"""A descriptor a connection. Those who do not shake hands within 2 s are cut off."""


def limit_ourselves() -> None:
    """Set the limits for this process, for good."""
    # Not RLIMIT_AS: it counts what is reserved for each thread and never written to.
    _lower(resource.RLIMIT_DATA, MEMORY_BYTES)
    _lower(resource.RLIMIT_CORE, 0)  # or a peer could fill the disk with aborts
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
