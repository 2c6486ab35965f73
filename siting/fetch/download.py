"""Download a file that is resumed where it was cut and compared with its checksum."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from siting.errors import FetchError, InputError, SitingError
from siting.fetch.client import CUT, Client, Progress, Reply, Request, ask, body, wait
from siting.files import replacing, sha256_of
from siting.inputs.sniff import OSM_KINDS, kind_of

if TYPE_CHECKING:
    from pathlib import Path

_OK, _PART, _SAME, _BEYOND = 200, 206, 304, 416
_CHECKSUM = re.compile(r"\s*([0-9a-fA-F]{32})(\s|$)")
_MOST_CHECKSUM = 10_000
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_AGAIN = "Run the same command again: it goes on from there"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """
    A file as it was downloaded.

    Attributes
    ----------
    path
        The file.
    sha256
        Its hash.
    etag
        The server's mark of this state, "" without one.
    checksum
        What it was compared with, "" where there was nothing.
    """

    path: Path
    sha256: str
    etag: str
    checksum: str


@dataclass(frozen=True, slots=True)
class _Saved:
    """What is known of a download that was begun: `mark` is an ETag or a date."""

    url: str = ""
    mark: str = ""
    size: int = 0


def download(
    client: Client, url: str, target: Path, *, sha256: str = "", etag: str = ""
) -> Downloaded | None:
    """
    Download an OSM extract.

    Parameters
    ----------
    client
        The rules.
    url
        Where it lies.
    target
        The file that shall appear, whole or not at all. What was received before a cut or Ctrl-C
        waits beside it as `.NAME.part`.
    sha256
        What the file has to hash to; without it the `.md5` beside the URL is asked for.
    etag
        Mark of the state that the caller has already.

    Returns
    -------
    downloaded
        None when the server still has the state `etag`.

    Raises
    ------
    FetchError
        No answer, a refusal, another checksum, or no OSM extract (a web page, for example).
    """
    part = target.with_name(f".{target.name}.part")
    stuck = 0
    while True:
        before = _size(part)
        try:
            where = _go_on(client, url, part, etag)
            break
        except CUT as error:
            stuck = 0 if _size(part) > before else stuck + 1
            if stuck >= client.rules.tries:
                raise FetchError(
                    f"the download broke off {stuck} times",
                    where=url,
                    value=f"{_size(part) / 1e6:,.1f} MB, {error or type(error).__name__}",
                    cure=_AGAIN,
                ) from error
            wait(client, stuck, f"the download broke off: {error or type(error).__name__}")
    if where is None:
        return None
    try:
        _refuse_other(part, url)
        checked, digest = _compared(client, where.url, part, sha256.strip().lower())
    except SitingError:
        _forget(part)  # going on from bytes that are wrong never ends well
        raise
    os.replace(part, target)  # noqa: PTH105  (the atomic call, by its own name)
    _state(part).unlink(missing_ok=True)
    return Downloaded(target, digest, where.mark if where.mark.startswith('"') else "", checked)


def _go_on(client: Client, url: str, part: Path, etag: str) -> _Saved | None:
    """Receive what is missing of a file; None when the server still has the state `etag`."""
    saved = _read_state(part, url)
    headers = {"Accept-Encoding": "identity"}
    if saved.size:
        headers |= {"Range": f"bytes={saved.size}-", "If-Range": saved.mark}
    elif etag:
        headers["If-None-Match"] = etag
    with closing(ask(client, Request(url, headers))) as reply:
        if reply.status == _SAME and etag:
            return None
        if reply.status == _BEYOND and saved.size:
            if reply.header("Content-Range") == f"bytes */{saved.size}":
                return saved  # all of it was here already
            _forget(part)
            raise ConnectionResetError("what was there no longer fits")
        offset = _offset(reply, saved)
        now = _Saved(reply.url, _mark(reply))
        state = {"url": url, "final": now.url, "mark": now.mark}
        if not offset:
            part.unlink(missing_ok=True)
        with replacing(_state(part)) as file:
            file.write_text(json.dumps(state), encoding="utf-8")
        _receive(client, reply, part, offset)
    return now


def _offset(reply: Reply, saved: _Saved) -> int:
    """Return where the body of an answer begins in the file."""
    if reply.status not in {_OK, _PART}:
        raise FetchError(
            f"the server refuses: HTTP {reply.status}", where=reply.url, cure="Check the URL"
        )
    if reply.header("Content-Type").lower().startswith("text/html"):
        raise FetchError(
            "the server sent a web page, not a map",
            where=reply.url,
            cure="Give the address of the extract itself (.osm.pbf)",
        )
    if reply.status == _OK:
        return 0
    begins = _RANGE.match(reply.header("Content-Range"))
    if begins is None or int(begins.group(1)) != saved.size or not saved.size:
        raise FetchError("the server sent another piece than asked for", where=reply.url)
    return saved.size


def _receive(client: Client, reply: Reply, part: Path, offset: int) -> None:
    """Add the body of an answer to what is there; all that came stays there if it breaks off."""
    length = reply.header("Content-Length")
    total = offset + int(length) if length.isdecimal() else 0
    done = offset
    if total > client.rules.most_bytes:
        raise FetchError(
            "the extract is larger than your rules let pass",
            where=reply.url,
            value=f"{total / 1e6:,.0f} MB",
            cure="Take a smaller region, or raise `most_mb` of your fetch.yaml",
        )
    with part.open("ab") as file:
        file.truncate(offset)
        for piece in body(client, reply):
            file.write(piece)
            done += len(piece)
            client.tell(Progress(f"downloading {reply.url}", done, total))


def _refuse_other(part: Path, url: str) -> None:
    try:
        kind = kind_of(part)
    except InputError as error:
        raise FetchError(error.what, where=url, value=error.value, cure=error.cure) from error
    if kind not in OSM_KINDS:
        raise FetchError(
            "this is no OSM extract", where=url, value=kind, cure="Give a .osm.pbf or .osm file"
        )


def _compared(client: Client, url: str, part: Path, sha256: str) -> tuple[str, str]:
    """Return what a file was compared with, and its SHA-256."""
    digest = sha256_of(part)
    if sha256:
        _refuse_wrong(url, "sha256", sha256, digest)
        return f"sha256 {sha256}", digest
    wanted = _md5_beside(client, url)
    if not wanted:
        client.tell(Progress(f"no checksum beside {url}: the file is taken as it came"))
        return "", digest
    with part.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    _refuse_wrong(url, "md5", wanted, md5)
    return f"md5 {wanted}", digest


def _refuse_wrong(url: str, name: str, wanted: str, found: str) -> None:
    if wanted != found:
        raise FetchError(
            f"the file isn't the one its {name} speaks of",
            where=url,
            value=f"{found}, not {wanted}",
            cure="Fetch it again; if it stays so, don't use it",
        )


def _md5_beside(client: Client, url: str) -> str:
    """Return the MD5 that lies beside a file on its server, "" where there is none."""
    with closing(ask(client, Request(f"{url}.md5", {"Accept-Encoding": "identity"}))) as reply:
        if reply.status != _OK:
            return ""
        try:
            text = b"".join(body(client, reply))[:_MOST_CHECKSUM]
        except CUT as error:
            raise FetchError("the checksum can't be read", where=url, cure=_AGAIN) from error
    found = _CHECKSUM.match(text.decode("ascii", "replace"))
    return found.group(1).lower() if found else ""


def _mark(reply: Reply) -> str:
    """Return what tells this state of the file from another, for going on; "" without one."""
    etag = reply.header("ETag")
    return etag if etag.startswith('"') else reply.header("Last-Modified")


def _state(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path, url: str) -> _Saved:
    """Return what was received of this URL; what can't be gone on from counts as nothing."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        state = json.loads(_state(part).read_text(encoding="utf-8"))
        if state["url"] == url and state["mark"]:
            return _Saved(str(state["final"]), str(state["mark"]), _size(part))
    return _Saved()


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state(part).unlink(missing_ok=True)
