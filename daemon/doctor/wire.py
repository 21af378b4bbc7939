"""The endpoints: may they be had, and who has them now."""

import os
from pathlib import Path

from instrd.clients.control import ControlError, default_endpoint, request
from instrd.clients.protocol import AnyMessage
from instrd.clients.subscriber import Subscriber
from instrd.daemon import ipc
from instrd.daemon.config import KeyFiles
from instrd.daemon.doctor.finding import Finding, wrong
from instrd.daemon.endpoints import check_endpoint
from instrd.daemon.errors import InUseError
from instrd.daemon.exit_codes import ExitCode
from instrd.daemon.publisher import Publisher
from instrd.daemon.security import read_security

NO_KEYS = KeyFiles()
ANSWER_S = 2.0
"""Two heartbeats: a living instrd has spoken by then."""


def check_directory(control: str) -> Finding:
    """Say whether the control endpoint's directory is there, ours and closed to others."""
    check = "runtime directory"
    if control == "none":
        return Finding(check, "ok", "no control is wanted")
    folder = ipc.checked_path(control or default_endpoint()).parent
    if folder.is_dir():
        ipc.refuse_shared(folder)
        return Finding(check, "ok", f"{folder} is ours alone")
    return _missing(check, folder)


def check_control(control: str) -> Finding:
    """Say whether another instrd answers."""
    check = "control"
    if control == "none":
        return Finding(check, "ok", "no control is wanted")
    endpoint = control or default_endpoint()
    if not ipc.is_held(endpoint):
        return Finding(check, "ok", f"no instrd runs at {endpoint}")
    try:
        who = request(endpoint, "ping", timeout_s=ANSWER_S).result
    except ControlError:
        found = f"an instrd holds {endpoint} and does not answer within {ANSWER_S:g} s"
        return wrong(check, found, "it is stuck: end it", ExitCode.IN_USE)
    return Finding(check, "ok", f"an instrd runs: node {who.get('node')}, run {who.get('run')}")


def check_keys(files: KeyFiles) -> Finding:
    """Say whether other machines can be served, and who of them."""
    security = read_security(files)
    if security is None:
        return Finding("keys", "ok", "none: only this machine is served")
    return Finding("keys", "ok", f"ours, and those of {len(security.clients)} clients")


def check_publish(endpoint: str, files: KeyFiles = NO_KEYS) -> Finding:
    """Say whether we could publish there, or who does."""
    check = f"publish {endpoint}"
    check_endpoint(endpoint, has_keys=bool(files.server_key))
    try:
        if not endpoint.startswith("ipc://"):
            security = read_security(files)
            with Publisher([endpoint], node="doctor", run="doctor", security=security):
                return Finding(check, "ok", "can be bound")
        # Binding would leave files behind, perhaps another user's: the next instrd could not.
        path = ipc.checked_path(endpoint)
        if not ipc.is_held(endpoint):
            if path.exists() and not path.is_socket():
                return wrong(check, "a file is there", "move it or choose another path")
            return _missing(check, path.parent)
    except InUseError as error:
        return _holder(check, endpoint, str(error))
    return _holder(check, endpoint, "is held by another instrd, which says nothing")


def _holder(check: str, endpoint: str, otherwise: str) -> Finding:
    with Subscriber(endpoint) as subscriber:
        heard: AnyMessage | None = subscriber.receive(ANSWER_S)
    if heard is None:
        return wrong(check, otherwise, "end that one", ExitCode.IN_USE)
    found = f"node {heard.node}, run {heard.run}, publishes here"
    return Finding(check, "warning", found, "for a second instrd use another endpoint")


def _missing(check: str, folder: Path) -> Finding:
    """Say whether we may make what is not there yet."""
    parent = next(p for p in (folder, *folder.parents) if p.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        found = f"{folder} is there" if parent == folder else f"instrd will make {folder}"
        return Finding(check, "ok", found)
    return wrong(check, f"we may not write in {parent}", "choose another path")
