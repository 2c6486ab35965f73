"""Files that appear whole or not at all, locks, hashes, and names that stay where they belong."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from siting.errors import BusyError, InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

PART_PREFIX = ".part-"
"""Prefix of the folders in which unfinished results lie."""

STALE_SECONDS = 60.0
"""A part folder younger than this is never taken for an abandoned one."""

_LOCK_NAME = ".lock"
_NAME_BYTES = 255
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_UNPORTABLE = re.compile(r"[\x00-\x1f\x7f\\<>:\"|?*\ud800-\udfff]")
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
_DISK_CURE = "Free space or choose another folder; nothing was left half-written"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Write a file so that it appears whole or not at all.

    The file is written under its own name in a hidden folder beside `path`, so that drivers see
    the right suffix and their side files (journals) vanish with the folder, then flushed to disk
    and renamed over `path`.

    Parameters
    ----------
    path
        The file to write; its folder is made when missing.

    Yields
    ------
    Path
        Where to write; it doesn't exist yet.

    Raises
    ------
    OutputError
        The disk refuses, or nothing was written. `path` is then as it was before.
    """
    with _part(path) as part:
        yield part
        with _disk_errors(path):
            if not part.is_file():
                raise OutputError("nothing was written", where=path)
            _flush(part)
            os.replace(part, path)  # noqa: PTH105  (the atomic call, by its own name)
            _flush(path.parent)


@contextlib.contextmanager
def publishing(folder: Path) -> Iterator[Path]:
    """
    Write a folder so that it appears whole or not at all, and never over another.

    Parameters
    ----------
    folder
        The folder that shall appear; its parent is made when missing.

    Yields
    ------
    Path
        An empty folder beside it to write into, of the same name.

    Raises
    ------
    OutputError
        `folder` exists already, before or at the end, or the disk refuses.
    """
    _refuse_existing(folder)
    with _part(folder) as part:
        with _disk_errors(folder):
            part.mkdir()
        yield part
        with _disk_errors(folder):
            for inner in sorted(part.rglob("*"), reverse=True):
                if not inner.is_symlink():
                    _flush(inner)
            _flush(part)
            _refuse_existing(folder)
            part.rename(folder)
            _flush(folder.parent)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """
    Hold a folder for one process; the lock ends with the process, however it ends.

    Parameters
    ----------
    folder
        The folder to hold; made when missing. It keeps an empty `.lock` file.

    Raises
    ------
    BusyError
        Another process (or another part of this one) holds it.
    OutputError
        The lock file can't be made.
    """
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK_NAME).open("a")
    with lock:
        if not _try_lock(lock):
            raise BusyError(
                "another run is writing to this folder",
                where=folder,
                cure="Wait for it to end, or give another output folder",
            )
        yield


def remove_stale(folder: Path, *, older_than_s: float = STALE_SECONDS) -> tuple[Path, ...]:
    """
    Remove what killed processes left unfinished in a folder.

    A part folder is stale when no process holds its lock and it is older than `older_than_s`
    seconds; running writers are never touched.

    Returns
    -------
    tuple of Path
        The part folders that were removed.
    """
    removed = []
    for part in sorted(folder.glob(f"{PART_PREFIX}*")):
        with contextlib.suppress(OSError):
            if part.is_symlink() or time.time() - part.stat().st_mtime < older_than_s:
                continue
            with (part / _LOCK_NAME).open("a") as lock:
                if not _try_lock(lock):
                    continue
                shutil.rmtree(part)
                removed.append(part)
    return tuple(removed)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 lower-case hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safe_join(root: Path, name: str) -> Path:
    """
    Join a name from outside to a folder, and make sure it stays inside.

    Parameters
    ----------
    root
        The folder that must hold the result.
    name
        A relative path with forward slashes. Links are followed before the check.

    Returns
    -------
    Path
        Resolved path strictly inside the resolved `root`; it needn't exist.

    Raises
    ------
    InputError
        The name is empty, absolute, leaves the folder, or is no portable file name.
    """
    problem = _name_problem(name)
    if problem:
        raise InputError(
            f"this name {problem}",
            value=repr(name[:80]),
            cure="Use letters, digits, - and _, and folders separated by /",
        )
    base = root.resolve()
    joined = (base / name).resolve()
    if joined == base or not joined.is_relative_to(base):
        raise InputError(
            "this name leads out of its folder",
            where=root,
            value=repr(name[:80]),
            cure="Put the file in that folder",
        )
    return joined


def require_file(path: Path, *, most_bytes: int) -> Path:
    """
    Make sure a path is a plain file that holds something and isn't too large.

    Raises
    ------
    InputError
        Missing, a folder, a device or pipe, not readable, empty, or over `most_bytes`.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the file can't be read: {reason}", where=path, cure="Check the path"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a plain file"
        raise InputError(f"this is {kind}", where=path, cure="Give the path of a file")
    if status.st_size == 0:
        raise InputError("the file is empty", where=path, cure="Fetch or export it again")
    if status.st_size > most_bytes:
        raise InputError(
            f"the file is larger than {most_bytes / 1e6:,.0f} MB",
            where=path,
            value=f"{status.st_size / 1e6:,.0f} MB",
            cure="Cut it to the area that is planned",
        )
    if not os.access(path, os.R_OK):
        raise InputError(
            "the file can't be read: permission denied", where=path, cure="Change its permissions"
        )
    return path


def read_text(path: Path, *, most_bytes: int) -> str:
    """
    Read a small UTF-8 text file, with or without a byte-order mark.

    Raises
    ------
    InputError
        As `require_file`, or the file isn't UTF-8.
    """
    require_file(path, most_bytes=most_bytes)
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "the file isn't UTF-8 text",
            where=f"{path}:{line}",
            value=f"byte 0x{data[error.start]:02x}",
            cure="Save it as UTF-8",
        ) from error


@contextlib.contextmanager
def _part(path: Path) -> Iterator[Path]:
    """Yield `path`'s name in a locked part folder beside it, removed at the end."""
    parent = path.parent
    with _disk_errors(path):
        parent.mkdir(parents=True, exist_ok=True)
        remove_stale(parent)
        part = Path(tempfile.mkdtemp(prefix=PART_PREFIX, dir=parent))
    try:
        with _disk_errors(path), (part / _LOCK_NAME).open("a") as lock:
            _try_lock(lock)
            yield part / path.name
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn the disk's refusals to write `path` into an OutputError."""
    try:
        yield
    except OSError as error:
        # A writer may also read: only what is refused beside `path` is about the result.
        ours = str(error.filename or path).startswith(str(path.parent))
        if error.errno not in _DISK and not (ours and error.errno in _FORBIDDEN):
            raise
        raise OutputError(
            "the result can't be written", where=path, value=error.strerror, cure=_DISK_CURE
        ) from error


def _refuse_existing(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise OutputError(
            "the folder exists already and is left as it is",
            where=folder,
            cure="Remove it, or give another output folder",
        )


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def _flush(path: Path) -> None:
    """Force a file's bytes, or a folder's names, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name_problem(name: str) -> str:
    """Say what is wrong with a name from outside, "" when nothing is."""
    parts = PurePosixPath(name).parts
    checks = (
        (not parts, "is empty"),
        (name.startswith(("/", "~")), "isn't relative"),
        (_UNPORTABLE.search(name), "holds a character that file names can't"),
        (".." in parts, "leads out of its folder"),
        (any(_RESERVED.fullmatch(part) for part in parts), "is reserved"),
        (any(part.endswith((".", " ")) for part in parts), "ends in a dot or a space"),
        (
            any(len(part.encode("utf-8", "surrogatepass")) > _NAME_BYTES for part in parts),
            "is too long",
        ),
    )
    return next((problem for wrong, problem in checks if wrong), "")
