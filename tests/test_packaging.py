import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import soundfile
from program import PROGRAM
from sounds import tone

from instrd.training import entry

ROOT = Path(__file__).parent.parent
FOLDERS = ("daemon", "models", "training", "clients")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build a wheel of a copy of what git holds or would hold, and list its files."""
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows what belongs to the project")
    copy = tmp_path_factory.mktemp("tree")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "-w",
        str(out),
        str(copy),
    ]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_four_folders(wheel: set[str]) -> None:
    expected = {
        f"instrd/{path.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {name for name in wheel if name.startswith("instrd/")}
    assert found == expected


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"instrd"}


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_an_environment_that_was_left_without_pip_is_completed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / "python"
    fails = "#!/bin/sh\nmkdir -p $3/bin && ln -sf /bin/true $3/bin/python\n"
    succeeds = f"{fails}touch $3/bin/pip\n"
    made = tmp_path / "made"
    for script, code in ((f"{fails}exit 1\n", 2), (succeeds, 0)):
        python.write_text(script)
        python.chmod(0o755)
        command = ["make", "PYTHON=./python", "VENV=made", "made/serve"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert ("apt-get install python3-venv" in done.stderr) == bool(code)
    assert (made / "bin" / "pip").exists()


def test_the_plain_install_is_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = " ".join(project["dependencies"])
    assert not any(heavy in names for heavy in ("torch", "librosa", "scikit", "scipy"))
    assert project["version"] == version("instrd")


def test_every_dependency_has_its_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start, end = lines.index("dependencies = ["), lines.index("[project.scripts]")
    dependencies = [line for line in lines[start:end] if line.startswith('  "')]
    assert len(dependencies) > 20
    assert [line for line in dependencies if "#" not in line] == []


def test_nothing_is_reported_to_the_makers_of_a_library(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(440.0, 1.0, 16_000), 16_000)
    home = tmp_path / "home"
    home.mkdir()
    free = {
        name: text for name, text in os.environ.items() if not name.startswith(("XDG_", "ORT_"))
    }
    program = [*PROGRAM, "classify", str(tmp_path / "tone.wav")]
    subprocess.run(program, env={**free, "HOME": str(home)}, check=True, capture_output=True)
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("missing", ["torch", "scipy"])
def test_without_its_extra_the_trainer_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    monkeypatch.delitem(sys.modules, "instrd.training.cli", raising=False)
    error = ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    class Lacking:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "instrd.training.cli":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Lacking(), *sys.meta_path])
    with pytest.raises(SystemExit, match="2"):
        entry.main()
    told = capsys.readouterr().err
    assert told == f"instrd-train: needs {missing}: pip install 'instrd[train]'\n"
