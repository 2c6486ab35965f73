"""Ask an Overpass server for what `siting` reads of an area, tile by tile."""

from __future__ import annotations

import hashlib
import math
import re
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import shapely

from siting.errors import FetchError
from siting.fetch.client import CUT, Client, Progress, Request, ask, body, wait
from siting.frames import ROAD_CLASSES
from siting.inputs import tags

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    Box = tuple[float, float, float, float]

TILE_DEG = 0.25
"""Side of a query, about 25 km: some 10 MB of a dense city."""
LEAST_TILE_DEG = 0.02
SECONDS = 180
"""Time that a query may take on the server."""
MEMORY_BYTES = 512 * 1024 * 1024

_LEVELS = ("4", "5", "6", "7", "8", "9", "10")  # admin_level from 直辖市 down to townships
_NODES_ALONE = ("barrier", "crossing")
_REMARK = re.compile(rb"<remark>\s*(.*?)\s*</remark>", re.DOTALL)
_END = 4096
_OK = 200


def query(box: Box) -> str:
    """
    Return the Overpass QL that finds all `siting` reads of a box, with all nodes and members.

    Parameters
    ----------
    box
        West, south, east, north in degrees.
    """
    west, south, east, north = box
    wanted: dict[str, list[str]] = {}
    for key, value in (*tags.CONTROL_TAGS, *tags.FACILITY_TAGS):
        values = wanted.setdefault(key, [])
        if value not in values:
            values.append(value)
    roads = "|".join((*ROAD_CLASSES, "road"))
    levels = "|".join(_LEVELS)
    lines = [f'way["highway"~"^({roads})$"];']
    for key, values in wanted.items():
        kind = "node" if key in _NODES_ALONE else "nwr"
        lines.append(f'{kind}["{key}"~"^({"|".join(values)})$"];')
    lines.append(f'wr["boundary"="administrative"]["admin_level"~"^({levels})$"];')
    return (
        f"[out:xml][timeout:{SECONDS}][maxsize:{MEMORY_BYTES}]"
        f"[bbox:{south:.6f},{west:.6f},{north:.6f},{east:.6f}];\n"
        f"({' '.join(lines)});\n(._;>;);\nout body qt;\n"
    )


def tiles_of(area: BaseGeometry, side_deg: float = TILE_DEG) -> list[Box]:
    """Return the boxes of a grid anchored at whole multiples of the side that an area touches."""
    west, south, east, north = area.bounds
    columns = range(math.floor(west / side_deg), math.ceil(east / side_deg))
    rows = range(math.floor(south / side_deg), math.ceil(north / side_deg))
    boxes = [
        (c * side_deg, r * side_deg, (c + 1) * side_deg, (r + 1) * side_deg)
        for r in rows
        for c in columns
    ]
    corners = np.array(boxes)
    touched = shapely.intersects(shapely.box(*corners.T), area)
    return [boxes[index] for index in np.flatnonzero(touched).tolist()]


def ask_overpass(client: Client, area: BaseGeometry, folder: Path) -> list[Path]:
    """
    Fetch an area.

    Parameters
    ----------
    client
        The rules.
    area
        The area in degrees, WGS-84.
    folder
        Where the answers are kept, one file a tile: one that is there already isn't asked again.

    Returns
    -------
    files
        OSM XML, overlapping where ways cross the edges of tiles.

    Raises
    ------
    FetchError
        The server refuses, or has no answer even to a small tile.
    """
    files: list[Path] = []
    waiting = tiles_of(area)[::-1]
    while waiting:
        box = waiting.pop()
        text = query(box)
        mark = hashlib.sha256(f"{client.rules.overpass}\n{text}".encode()).hexdigest()[:16]
        file = folder / f"{mark}.osm"
        client.tell(Progress(f"Overpass: {len(files)} tiles here, {len(waiting) + 1} to go"))
        if file.is_file() or _fetch_tile(client, text, file):
            files.append(file)
        else:
            waiting.extend(_quarters(box, client.rules.overpass))
    return files


def _quarters(box: Box, url: str) -> list[Box]:
    """Cut a tile that asks too much of the server."""
    west, south, east, north = box
    if east - west < 2 * LEAST_TILE_DEG:
        raise FetchError(
            "the server has no room even for a small tile", where=url, cure="Try again later"
        )
    x, y = (west + east) / 2, (south + north) / 2
    return [(west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north)]


def _fetch_tile(client: Client, text: str, file: Path) -> bool:
    """Fetch the answer to a query; False when it asks too much of the server."""
    request = Request(
        client.rules.overpass,
        {"Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": "gzip"},
        urlencode({"data": text}).encode(),
        timeout_s=max(client.rules.timeout_s, SECONDS + 20.0),
    )
    for attempt in range(client.rules.tries):
        try:
            with tempfile.TemporaryDirectory(dir=file.parent) as folder:
                part = Path(folder) / file.name
                _receive(client, request, part)
                remark = _remark(part, client.rules.overpass)
                if not remark:
                    part.replace(file)
        except CUT as error:
            why = f"the answer broke off: {error or type(error).__name__}"
            if attempt + 1 < client.rules.tries:
                wait(client, attempt, why)
        else:
            if remark:
                client.tell(Progress(f"Overpass: {remark}; asking for less at once"))
            return not remark
    raise FetchError(
        f"no whole answer in {client.rules.tries} tries",
        where=client.rules.overpass,
        value=why,
        cure="Run the same command again: the tiles that came are kept",
    )


def _receive(client: Client, request: Request, part: Path) -> None:
    with closing(ask(client, request)) as reply:
        if reply.status != _OK:
            said = re.sub(rb"<[^>]*>|\s+", b" ", reply.response.read(_END)).decode(
                "utf-8", "replace"
            )
            raise FetchError(
                f"Overpass refuses: HTTP {reply.status}", where=reply.url, value=said.strip()[-300:]
            )
        done = 0
        with part.open("wb") as file:
            for piece in body(client, reply):
                file.write(piece)
                done += len(piece)
                client.tell(Progress("Overpass: receiving", done))


def _remark(part: Path, url: str) -> str:
    """
    Return the server's remark that it ran out of time or memory, "" for a whole answer.

    Overpass says so at the end of an answer that began as a good one.
    """
    size = part.stat().st_size
    with part.open("rb") as file:
        head = file.read(_END).lstrip()
        file.seek(max(size - _END, 0))
        tail = file.read().rstrip()
    if not re.match(rb"(<\?xml[^>]*>\s*)?<osm[\s>]", head):
        raise FetchError(
            "this is no answer of an Overpass server",
            where=url,
            value=repr(head[:80]),
            cure="Check `overpass:` of your fetch.yaml",
        )
    if not tail.endswith(b"</osm>"):
        raise ConnectionResetError("no end of the file")
    found = _REMARK.search(tail)
    remark = found.group(1).decode("utf-8", "replace")[:200] if found else ""
    if remark and not re.search(r"timed out|out of memory|run out", remark):
        raise FetchError("Overpass reports an error", where=url, value=remark)
    return remark


def state_of(file: Path) -> str:
    """Return the state of the data that an answer names (`osm_base`), "" where it doesn't."""
    with file.open("rb") as opened:
        found = re.search(rb'<meta[^>]*osm_base="([0-9TZ:.-]+)"', opened.read(_END))
    return found.group(1).decode("ascii") if found else ""
