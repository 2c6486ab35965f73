"""
Set up siting and run it, with nothing but Python.

    python3 bootstrap.py run            plan the embedded default city and print where its map lies
    python3 bootstrap.py test           run the test suite, two tests at a time; with arguments,
                                        which go to pytest, as they say
    python3 bootstrap.py docs           build the documentation site into site/
    python3 bootstrap.py setup          only set up
    python3 bootstrap.py wheels FOLDER  fetch all packages into a folder, to use offline

The first use makes `.venv` with the packages of `requirements.lock`, each checked against its hash;
later ones start at once, without network. No root is needed, and nothing outside this folder is
changed. Set SITING_WHEELS to a folder of wheels to install without any network, SITING_VENV to use
another folder than `.venv`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (3, 11)
BEYOND = (3, 14)
ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
DOCS_LOCK = ROOT / "requirements-docs.lock"
PROJECT = ROOT / "pyproject.toml"
MARK = "siting-setup.json"
DOCS_MARK = "siting-docs.json"
# Most tests wait for a solver, on one core. Each worker keeps to its own half of the files until
# the other is done with its own, so that the towns of a file are planned once.
TWO_AT_A_TIME = ("-n", "2", "--dist", "worksteal")
PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet")


def main(arguments: list[str]) -> int:
    """Do what the command line asks; return the exit code."""
    use_fitting_python(arguments)
    command, *rest = arguments or ["help"]
    if command not in {"run", "test", "docs", "setup", "wheels"}:
        print((__doc__ or "").strip())
        return 0 if command in {"help", "-h", "--help"} else 2
    if command == "wheels":
        return fetch_wheels(rest)
    folder = ROOT / os.environ.get("SITING_VENV", ".venv")
    with only_one():
        python = set_up(folder)
        if command == "docs":
            add_docs(folder, python)
            # An advertisement of the theme, which isn't ours to tell.
            os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    if command == "setup":
        print(f"Ready: {folder / 'bin' / 'siting'}")
        return 0
    todo = ["pytest", *(rest or TWO_AT_A_TIME)]
    if command == "run":
        todo = ["siting", "plan", "jinan", "--out", str(ROOT / "maps"), *rest]
    if command == "docs":
        todo = ["mkdocs", "build", "--strict", *rest]
    if command in {"test", "docs"}:
        os.chdir(ROOT)
    return become(python, ["-m", *todo])


def use_fitting_python(arguments: list[str]) -> None:
    """Go on in another Python of this machine when this one doesn't fit, or say what is needed."""
    if OLDEST <= sys.version_info[:2] < BEYOND:
        return
    for minor in range(BEYOND[1] - 1, OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other and call([other, "-c", "pass"], quiet=True) == 0:
            become(other, [str(Path(__file__).resolve()), *arguments])
    stop(
        f"siting needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]} "
        f"({sys.executable}). Install one of them, and start bootstrap.py with it."
    )


def set_up(folder: Path) -> Path:
    """Make the environment in `folder`, or mend it, unless it is good; return its Python."""
    python = folder / "bin" / "python"
    mark = folder / MARK
    packages, project = stamps(folder)
    found = read_mark(mark)
    if folder.exists() and found is None:
        stop(
            f"{folder} is there, and bootstrap.py didn't make it. Remove it, "
            "or set SITING_VENV to another folder."
        )
    if found == {"packages": packages, "project": project} and python.exists():
        return python
    if found is None or found.get("packages") != packages or not python.exists():
        print(f"Setting up {folder} with Python {sys.version.split()[0]}: a minute or two, once.")
        sys.stdout.flush()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_mark(mark, {})
        pip = make_environment(folder, python)
        install_packages(pip)
        write_mark(mark, {"packages": packages})
    pip = pip_for(python)
    # The project itself, as a link to this folder: its build tools are among the packages.
    own = ["--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if call([*pip, *own]) != 0:
        stop("siting itself couldn't be installed; the lines above say why.")
    if call([str(python), "-c", "import siting, highspy, osmium, geopandas"]) != 0:
        stop("The packages were installed and don't load; the lines above say why.")
    write_mark(mark, {"packages": packages, "project": project})
    return python


def add_docs(folder: Path, python: Path) -> None:
    """Add the packages that build the documentation, unless they are there."""
    mark = folder / DOCS_MARK
    wanted = {"packages": hashlib.sha256(DOCS_LOCK.read_bytes()).hexdigest()}
    if read_mark(mark) != wanted:
        install_packages(pip_for(python), DOCS_LOCK)
        write_mark(mark, wanted)


def make_environment(folder: Path, python: Path) -> list[str]:
    """Make an empty virtual environment; return the command that installs into it."""
    has_pip = importlib.util.find_spec("pip") is not None
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    if importlib.util.find_spec("venv") is None or not (has_pip or has_ensurepip):
        shutil.rmtree(folder, ignore_errors=True)
        stop(
            "This Python can't make a virtual environment: it has neither ensurepip nor pip. "
            "On Debian and Ubuntu: sudo apt install python3-venv"
        )
    make = [sys.executable, "-m", "venv", str(folder)]
    # Debian keeps ensurepip in python3-venv. The machine's own pip can install into it as well.
    if has_ensurepip and call(make, quiet=has_pip) == 0:
        return pip_for(python)
    if not has_pip or call([*make, "--without-pip"]) != 0:
        stop(
            "No virtual environment could be made; the lines above say why. "
            "On Debian and Ubuntu: sudo apt install python3-venv"
        )
    return pip_for(python)


def pip_for(python: Path) -> list[str]:
    """Return the command that installs into the environment, with its own pip or the machine's."""
    if call([str(python), "-c", "import pip"], quiet=True) == 0:
        return [str(python), *PIP, "--no-user"]
    return [sys.executable, "-m", "pip", "--python", str(python), *PIP[2:], "--no-user"]


def install_packages(pip: list[str], lock: Path = LOCK) -> None:
    """Install what a lock names, nothing else, and only wheels with the right hash."""
    wheels = os.environ.get("SITING_WHEELS", "")
    where = []
    if wheels:
        if not Path(wheels).is_dir():
            stop(f"SITING_WHEELS is no folder: {wheels}")
        where = ["--no-index", "--find-links", str(Path(wheels).resolve())]
    if call([*pip, "--require-hashes", "--only-binary", ":all:", *where, "-r", str(lock)]) != 0:
        stop(
            "The packages couldn't be installed; the lines above say why. Without network, fetch "
            "them elsewhere with `python3 bootstrap.py wheels FOLDER`, and set "
            "SITING_WHEELS=FOLDER here."
        )


def fetch_wheels(rest: list[str]) -> int:
    """Fetch the packages into a folder; for the same kind of machine and Python as this."""
    if len(rest) != 1:
        stop("Name the folder: python3 bootstrap.py wheels FOLDER")
    if importlib.util.find_spec("pip") is None:
        stop("This Python has no pip. On Debian and Ubuntu: sudo apt install python3-pip")
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    options = ["--require-hashes", "--only-binary", ":all:", "--dest", rest[0]]
    return max(call([*pip, *options, "-r", str(lock)]) for lock in (LOCK, DOCS_LOCK))


def stamps(folder: Path) -> tuple[str, str]:
    """Return what the installed packages, and the installed project, depend on, as hashes."""
    base = f"{sys.version}\n{sys.base_prefix}\n{folder}\n".encode()
    packages = hashlib.sha256(base + LOCK.read_bytes()).hexdigest()
    return packages, hashlib.sha256(PROJECT.read_bytes()).hexdigest()


def read_mark(mark: Path) -> dict[str, str] | None:
    """Return what was finished in an environment of ours; None in one that isn't."""
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def write_mark(mark: Path, content: dict[str, str]) -> None:
    """Write whole or not at all what is finished."""
    part = mark.with_suffix(".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(mark)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let one bootstrap set up at a time; the others wait."""
    import fcntl  # noqa: PLC0415  (not on Windows, which isn't supported)

    with (ROOT / ".venv.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another bootstrap.py is setting up; waiting for it.")
            sys.stdout.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def call(command: list[str], *, quiet: bool = False) -> int:
    """Run a command; return its exit code."""
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=clean_environment(),
        check=False,
    ).returncode


def clean_environment() -> dict[str, str]:
    """Return the environment without what mixes in other packages or places, or slows siting."""
    mixing = {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
    # Every solve starts a process; without compiled modules each would compile siting again.
    mixing.add("PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in mixing}
    return {**kept, "PYTHONNOUSERSITE": "1"}


def become(python: Path | str, arguments: list[str]) -> NoReturn:
    """Go on as another Python."""
    sys.stdout.flush()
    os.execve(python, [str(python), *arguments], clean_environment())  # noqa: S606


def stop(sentence: str) -> NoReturn:
    """End with a sentence for the user."""
    sys.exit(f"bootstrap: {sentence}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
