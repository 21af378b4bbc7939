"""The units for systemd: what it makes of them, and that they fit the program."""

import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from notify_socket import NotifySocket
from program import started

from instrd.daemon.exit_codes import ExitCode

UNITS = Path(__file__).parent.parent / "packaging" / "systemd"
PROGRAMS = {
    "instrd.service": "/opt/instrd/bin/instrd",
    "user/instrd.service": "%h/.local/bin/instrd",
}
both = pytest.mark.parametrize("unit", PROGRAMS)


def service_of(unit: str) -> dict[str, str]:
    parser = RawConfigParser(strict=False)  # a key may stand several times, the last one wins
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / unit)
    assert parser.sections() == ["Unit", "Service", "Install"]
    assert parser["Unit"]["StartLimitIntervalSec"] == "0"
    return dict(parser["Service"])


@both
def test_it_is_watched_started_again_and_keeps_its_directory_to_itself(unit: str) -> None:
    service = service_of(unit)
    assert service["Type"] == "notify"
    assert float(service["WatchdogSec"]) >= 10
    assert service["Restart"] == "on-failure"
    assert int(service["RestartPreventExitStatus"]) == ExitCode.BAD_INPUT
    assert (service["RuntimeDirectory"], service["RuntimeDirectoryMode"]) == ("instrd", "0700")


def test_the_machines_service_is_nobody_and_may_hear_but_not_write() -> None:
    service = service_of("instrd.service")
    assert service["DynamicUser"] == "yes"
    assert service["SupplementaryGroups"] == "audio"
    assert service["ProtectSystem"] == "strict"
    assert service["DeviceAllow"] == "char-alsa rw"
    assert "PrivateDevices" not in service


@both
def test_its_command_line_is_understood(
    unit: str, settings: Path, two: Path, tmp_path: Path
) -> None:
    command = service_of(unit)["ExecStart"]
    command = command.replace("%E", str(tmp_path)).replace("%t", str(tmp_path))
    program, *arguments = shlex.split(command)
    assert program == PROGRAMS[unit]
    (tmp_path / "instrd").mkdir(mode=0o700)
    source = f'[[source]]\nuri = "{two}"\npace = "fast"\n'
    (tmp_path / "instrd" / "config.toml").write_text(settings.read_text() + source)
    with NotifySocket(tmp_path / "notify") as notified:
        daemon = started(*arguments, extra={"NOTIFY_SOCKET": notified.address})
        _, errors = daemon.communicate(timeout=60)
        assert daemon.returncode == 0, errors
        assert [next(iter(told)) for told in notified.told()] == ["READY", "STOPPING"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
@both
def test_systemd_finds_nothing_wrong(unit: str, tmp_path: Path) -> None:
    copy = tmp_path / "instrd.service"
    copy.write_text((UNITS / unit).read_text().replace(PROGRAMS[unit], "/bin/true"))
    whose = "--user" if unit.startswith("user/") else "--system"
    done = subprocess.run(
        ["systemd-analyze", whose, "verify", "--man=no", str(copy)],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
