"""
bootstrap.py sets a project up once, wholly or not at all, with no network.

A tiny project with wheels of its own stands in for siting, so that every path runs for real.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap.py"
BACKEND = """
import os, zipfile
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "siting-0.1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("siting_link.pth", os.getcwd())
        info = "siting-0.1.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: siting\\nVersion: 0.1\\n")
        wheel.writestr(info + "WHEEL", WHEEL)
        wheel.writestr(info + "RECORD", "siting_link.pth,,\\n" + info + "RECORD,,\\n")
    return name
"""
ECHO = "import json, os, sys\nprint(json.dumps([sys.argv[1:], sys.prefix, os.getcwd()]))\n"


def _write_wheel(folder: Path, name: str, modules: dict[str, str]) -> str:
    """Write a wheel; return its line in the lock."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info/"
    with zipfile.ZipFile(path, "w") as wheel:
        for module, source in modules.items():
            wheel.writestr(f"{module}.py", source)
        wheel.writestr(f"{info}METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}RECORD", "".join(f"{module}.py,,\n" for module in modules))
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project that bootstrap.py can set up, with its wheels beside it."""
    root = tmp_path / "project"
    wheels = tmp_path / "wheels"
    (root / "siting").mkdir(parents=True)
    wheels.mkdir()
    shutil.copy(BOOTSTRAP, root)
    (root / "siting" / "__init__.py").touch()
    (root / "siting" / "__main__.py").write_text(ECHO)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tinybackend"\n'
    )
    modules = dict.fromkeys(("highspy", "osmium", "geopandas"), "")
    (root / "requirements.lock").write_text(
        _write_wheel(wheels, "tinybackend", {"tinybackend": BACKEND})
        + _write_wheel(wheels, "tinypackages", {**modules, "pytest": ECHO})
    )
    return root


def _append(path: Path) -> None:
    path.write_text(f"{path.read_text()}# changed\n")


def _environment(root: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "SITING_", "PYTHON"))}
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    return {**kept, "HOME": str(home), "SITING_WHEELS": str(root.parent / "wheels")}


def _run(root: Path, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run bootstrap.py of the project as a user would, after some Python that sets the scene."""
    script = str(root / "bootstrap.py")
    code = f"import runpy, sys\nsys.argv = {[script, *arguments]!r}\n{before}\n"
    code += f"runpy.run_path({script!r}, run_name='__main__')"
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        cwd=root.parent,
        env=_environment(root),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


needs_pip = pytest.mark.skipif(
    importlib.util.find_spec("pip") is None, reason="this Python has no pip to install with"
)
"""An environment made where ensurepip is missing has none; siting itself needs none."""

NO_ENSUREPIP = (
    "import importlib.util as u; real = u.find_spec\n"
    "u.find_spec = lambda name, *rest: None if name == 'ensurepip' else real(name, *rest)"
)
NOTHING = "import importlib.util as u\nu.find_spec = lambda name, *rest: None"


@needs_pip
@pytest.mark.slow
def test_sets_up_once_and_starts_at_once_after(project: Path) -> None:
    first = _run(project, "test", "-k", "x")
    assert first.returncode == 0, first.stderr
    assert "Setting up" in first.stdout
    arguments, prefix, folder = json.loads(first.stdout.splitlines()[-1])
    assert arguments == ["-k", "x"]
    assert Path(prefix) == project / ".venv"
    assert Path(folder) == project
    whole = json.loads(_run(project, "test").stdout.splitlines()[-1])
    assert whole[0] == ["-n", "2", "--dist", "worksteal"]

    shutil.rmtree(project.parent / "wheels")
    second = _run(project, "run", "--seconds", "9")
    assert "Setting up" not in second.stdout
    arguments, prefix, folder = json.loads(second.stdout.splitlines()[-1])
    assert arguments == ["plan", "jinan", "--out", str(project / "maps"), "--seconds", "9"]
    assert Path(folder) == project.parent, "the user's own folder, for paths in the arguments"

    # A change of the project's own file links it again, without network or packages.
    _append(project / "pyproject.toml")
    third = _run(project, "setup")
    assert third.returncode == 0, third.stderr
    assert "Setting up" not in third.stdout

    # A change of the lock makes the environment again: now the wheels are missing.
    _append(project / "requirements.lock")
    fourth = _run(project, "setup")
    assert fourth.returncode != 0
    assert "SITING_WHEELS is no folder" in fourth.stderr


@needs_pip
@pytest.mark.slow
def test_works_where_ensurepip_is_missing(project: Path) -> None:
    done = _run(project, "setup", before=NO_ENSUREPIP)
    assert done.returncode == 0, done.stderr
    assert not list((project / ".venv").glob("lib/*/site-packages/pip"))
    assert "Setting up" not in _run(project, "setup").stdout


def test_says_what_to_install_when_no_environment_can_be_made(project: Path) -> None:
    done = _run(project, "setup", before=NOTHING)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / ".venv").exists()


@needs_pip
@pytest.mark.slow
def test_refuses_a_package_with_another_hash_and_mends_itself_after(project: Path) -> None:
    lock = project / "requirements.lock"
    good = lock.read_text()
    lock.write_text(good.replace(good.split("sha256:")[1][:8], "00000000", 1))
    done = _run(project, "setup", before=NO_ENSUREPIP)
    assert done.returncode == 1
    assert "couldn't be installed" in done.stderr
    assert "Traceback" not in done.stderr
    again = _run(project, "setup", before=NO_ENSUREPIP)
    assert again.returncode == 1, "a failed environment was believed good"
    lock.write_text(good)
    assert _run(project, "setup", before=NO_ENSUREPIP).returncode == 0


@needs_pip
@pytest.mark.slow
def test_documentation_adds_its_packages_once_and_builds_strictly(project: Path) -> None:
    line = _write_wheel(project.parent / "wheels", "tinydocs", {"mkdocs": ECHO})
    (project / "requirements-docs.lock").write_text(line)
    first = _run(project, "setup", before=NO_ENSUREPIP)
    assert first.returncode == 0, first.stderr
    assert not list((project / ".venv").glob("lib/*/site-packages/mkdocs.py")), "only when asked"
    done = _run(project, "docs", "--quiet", before=NO_ENSUREPIP)
    assert done.returncode == 0, done.stderr
    arguments, prefix, folder = json.loads(done.stdout.splitlines()[-1])
    assert arguments == ["build", "--strict", "--quiet"]
    assert [Path(prefix), Path(folder)] == [project / ".venv", project]

    shutil.rmtree(project.parent / "wheels")
    assert _run(project, "docs", before=NO_ENSUREPIP).returncode == 0, "nothing to install"
    _append(project / "requirements-docs.lock")
    assert "SITING_WHEELS is no folder" in _run(project, "docs", before=NO_ENSUREPIP).stderr


@needs_pip
@pytest.mark.slow
def test_a_killed_setup_is_done_again(project: Path) -> None:
    kill = (
        "import os, subprocess; run = subprocess.run\n"
        "subprocess.run = lambda command, **rest: (\n"
        "    os.kill(os.getpid(), 9) if '--require-hashes' in command else run(command, **rest))"
    )
    assert _run(project, "setup", before=f"{NO_ENSUREPIP}\n{kill}").returncode == -9
    assert (project / ".venv").exists()
    done = _run(project, "setup", before=NO_ENSUREPIP)
    assert done.returncode == 0, done.stderr
    assert "Setting up" in done.stdout


@needs_pip
@pytest.mark.slow
def test_two_at_once_set_up_once(project: Path) -> None:
    command = [sys.executable, str(project / "bootstrap.py"), "setup"]
    both = [
        subprocess.Popen(  # noqa: S603
            command, env=_environment(project), stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Setting up" in text for text in told) == 1
    assert sum("waiting" in text for text in told) == 1


def test_leaves_an_environment_alone_that_it_did_not_make(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / "mine").touch()
    done = _run(project, "setup")
    assert done.returncode == 1
    assert "SITING_VENV" in done.stderr
    assert (project / ".venv" / "mine").exists()


def test_without_a_command_it_explains_itself(project: Path) -> None:
    assert "bootstrap.py run" in _run(project).stdout
    assert _run(project, "fly").returncode == 2
    assert not (project / ".venv").exists()


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 9, 1), (3, 14, 0)])
def test_another_python_is_one_clear_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", version)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11, 3\.12 or 3\.13"):
        bootstrap.use_fitting_python([])


def test_a_fitting_python_of_the_machine_takes_over(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name: sys.executable if name == "python3.12" else None
    )
    became: list[object] = []
    monkeypatch.setattr(bootstrap, "become", lambda *taken: became.append(taken))
    monkeypatch.setattr(bootstrap, "stop", lambda _: None)
    bootstrap.use_fitting_python(["test"])
    assert became == [(sys.executable, [str(BOOTSTRAP.resolve()), "test"])]


def test_it_needs_nothing_but_python() -> None:
    code = (
        f"import sys, runpy; runpy.run_path({str(BOOTSTRAP)!r}); "
        "print([m for m in sys.modules if 'site-packages' in str(sys.modules[m])])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
