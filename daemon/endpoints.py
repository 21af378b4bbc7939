"""Where messages may be published: on this machine by default, elsewhere with keys."""

import ipaddress
import re

from instrd.daemon.errors import WireError
from instrd.daemon.ipc import checked_path


def check_endpoint(endpoint: str, *, has_keys: bool) -> bool:
    """Return whether an endpoint needs CURVE; `WireError` if it may not be published on.

    Only a numeric loopback address is surely loopback: names resolve to anything.
    """
    if endpoint.startswith("ipc:///"):
        checked_path(endpoint)
        return False
    found = re.fullmatch(r"tcp://([^:/]+):(\*|[0-9]{1,5})", endpoint)
    if found is None or (found[2] != "*" and int(found[2]) > 65535):
        raise WireError(
            f"cannot bind {endpoint}: allowed are tcp://ADDRESS:PORT (PORT: 0 to 65535 or *) "
            "and ipc:// with an absolute path"
        )
    try:
        loopback = ipaddress.IPv4Address(found[1]).is_loopback
    except ipaddress.AddressValueError:
        loopback = False
    if not loopback and not has_keys:
        raise WireError(
            f"cannot bind {endpoint}: an endpoint that other machines can reach needs CURVE keys; "
            "make them with `instrd keygen NAME` and set security.server_key and "
            "security.clients in the config, or use tcp://127.0.0.1:PORT"
        )
    return not loopback
