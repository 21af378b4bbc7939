"""What a check found, and how a check is asked without ever failing."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from instrd.daemon.errors import InstrdError, exit_code_of
from instrd.daemon.exit_codes import ExitCode
from instrd.models.errors import AudioFileError, BundleError

LIMIT_S = 15.0
"""A check may take so long; PortAudio waits for ever for a sound server that hangs."""
GRAVEST_FIRST = (ExitCode.BAD_INPUT, ExitCode.IN_USE, ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table."""

    check: str
    state: Literal["ok", "warning", "error"]
    found: str
    advice: str = ""
    exit_code: ExitCode = ExitCode.DONE
    """What `instrd run` would end with because of it."""


Check = Callable[[], Finding]


def wrong(check: str, found: str, advice: str = "", code: ExitCode = ExitCode.BAD_INPUT) -> Finding:
    """Return what keeps instrd from running."""
    return Finding(check, "error", found, advice, code)


def ask(check: Check, name: str, limit_s: float = LIMIT_S) -> Finding:
    """Return what a check found; one that fails or hangs is an error that says so."""
    advice = "what it asks hangs: for audio, restart the sound server"
    answers = [wrong(name, f"no answer within {limit_s:g} s", advice, ExitCode.FAILED)]

    def answer() -> None:
        answers.append(_answer(check, name))

    # It cannot be stopped where it hangs inside a library; `doctor` then ends without it.
    thread = threading.Thread(target=answer, name=f"check {name}", daemon=True)
    thread.start()
    thread.join(limit_s)
    return answers[-1]


def exit_code_for(findings: Iterable[Finding]) -> ExitCode:
    """Return what `instrd run` would end with, first of all what no other start helps."""
    codes = {finding.exit_code for finding in findings}
    return next((code for code in GRAVEST_FIRST if code in codes), ExitCode.DONE)


def _answer(check: Check, name: str) -> Finding:
    try:
        return check()
    except (InstrdError, BundleError, AudioFileError) as error:
        return wrong(name, str(error), code=exit_code_of(error))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is one line of the table
        told = f"the check itself failed: {type(error).__name__}: {error}"
        return wrong(name, told, "report this line", ExitCode.FAILED)
