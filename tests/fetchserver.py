"""A local server that plays an extract host and Overpass, with the faults that such hosts have."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import osmium
from osmium.osm.mutable import Node, Relation, Way
from tiny import FACILITIES, SIDE, SOUTH, STEP_DEG, WEST

if TYPE_CHECKING:
    from pathlib import Path

EAST_TOWN = 1.0
"""Degrees that the second town lies east of the first."""
CORNERS = ((116.9, 36.6), (117.03, 36.6), (117.03, 36.67), (117.03, 36.8), (116.9, 36.8))
"""Of a county whose eastern border runs through the first town."""
BOUNDARY_TAGS = {"type": "boundary", "boundary": "administrative", "admin_level": "6"}
OSM_BASE = "2026-11-20T20:21:22Z"
STATE = "2026-11-19T01:02:03Z"


def write_region(path: Path) -> Path:
    """Write two towns, the boundary of a county through the first, and a park of two ways."""
    header = osmium.io.Header()
    header.set("sorting", "Type_then_ID")
    header.set("osmosis_replication_timestamp", STATE)
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for town in (0, 1):
            for cell in range(SIDE * SIDE):
                row, column = divmod(cell, SIDE)
                at = (WEST + town * EAST_TOWN + column * STEP_DEG, SOUTH + row * STEP_DEG * 0.8)
                tags = {"highway": "traffic_signals"} if row % 6 == column % 6 == 0 else {}
                writer.add_node(Node(id=town * 10_000 + cell + 1, location=at, tags=tags))
            for number, (key, value, cell) in enumerate(FACILITIES):
                row, column = divmod(cell, SIDE)
                at = (WEST + town * EAST_TOWN + (column + 0.3) * STEP_DEG, SOUTH + row * 0.0018)
                tags = {key: value, "name": f"设施{number}"}
                writer.add_node(Node(id=town * 10_000 + 1000 + number, location=at, tags=tags))
        for number, at in enumerate(CORNERS):
            writer.add_node(Node(id=30_000 + number, location=at))
        for town in (0, 1):
            first = town * 10_000 + 1
            for line in range(SIDE):
                kind = "primary" if line % 6 == 0 else "residential"
                across = [first + line * SIDE + column for column in range(SIDE)]
                along = [first + row * SIDE + line for row in range(SIDE)]
                for turn, nodes in enumerate((across, along)):
                    tags = {"highway": kind, "name": f"{town}城第{line}路"}
                    key = town * 1000 + 2 * line + turn + 1
                    writer.add_way(Way(id=key, nodes=nodes, tags=tags))
        writer.add_way(Way(id=5001, nodes=[30_000, 30_001, 30_002, 30_003]))
        writer.add_way(Way(id=5002, nodes=[30_003, 30_004, 30_000]))
        writer.add_way(Way(id=5003, nodes=[1, 2, 3, 3 + SIDE], tags={}))
        writer.add_way(Way(id=5004, nodes=[3 + SIDE, 1 + SIDE, 1], tags={}))
        members = [("w", 5001, "outer"), ("w", 5002, "outer")]
        writer.add_relation(Relation(id=1, members=members, tags={**BOUNDARY_TAGS, "name": "甲县"}))
        members = [("w", 5003, "outer"), ("w", 5004, "outer")]
        tags = {"type": "multipolygon", "landuse": "industrial", "name": "园区"}
        writer.add_relation(Relation(id=2, members=members, tags=tags))
    return path


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str = ""


Answer = Callable[[BaseHTTPRequestHandler, Asked], None]


@dataclass
class Server:
    """The server: what each path answers, in turn and the last one for ever; what was asked."""

    port: int
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def base(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def on(self, path: str, *answers: Answer) -> str:
        """Set the answers of a path; returns its URL."""
        self.answers[path] = list(answers)
        return self.base + path

    def config(self, folder: Path, **more: object) -> Path:
        """Write the rules of a user who lists this server."""
        path = folder / "fetch.yaml"
        values = {"pause_s": 0, "backoff_s": 0.01, "timeout_s": 5, **more}
        lines = [f"{key}: {value}" for key, value in values.items()]
        lines += [
            "hosts: [localhost]",
            f'insecure_hosts: ["127.0.0.1:{self.port}"]',
            f"overpass: {self.base}/api/interpreter",
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Run the server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            text = self.rfile.read(length).decode()
            one = Asked(self.command, self.path, dict(self.headers), text)
            server.asked.append(one)
            turns = server.answers.get(self.path, [status(404)])
            answer = turns.pop(0) if len(turns) > 1 else turns[0]
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                answer(self, one)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def say(
    handler: BaseHTTPRequestHandler,
    code: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> None:
    """Answer with a body."""
    handler.send_response(code)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer always the same."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler, _: say(handler, code, body, named)


def file(data: bytes, *, cut: int = 0, slow_s: float = 0.0, etag: str = "") -> Answer:
    """Serve a file as extract hosts do, with ranges; `cut` bytes into the answer break off."""
    mark = etag or f'"{hashlib.sha256(data).hexdigest()[:12]}"'

    def answer(handler: BaseHTTPRequestHandler, one: Asked) -> None:
        if one.headers.get("If-None-Match") == mark:
            say(handler, 304, headers={"ETag": mark})
            return
        found = re.match(r"bytes=(\d+)-$", one.headers.get("Range", ""))
        begin = int(found.group(1)) if found and one.headers.get("If-Range") == mark else 0
        handler.send_response(206 if begin else 200)
        handler.send_header("ETag", mark)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Content-Length", str(len(data) - begin))
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        handler.end_headers()
        rest = data[begin : begin + cut] if cut else data[begin:]
        for at in range(0, len(rest), 100):
            handler.wfile.write(rest[at : at + 100])
            if slow_s:
                handler.wfile.flush()
                time.sleep(slow_s)

    return answer


def md5(data: bytes) -> Answer:
    """Serve the checksum that lies beside a file."""
    text = hashlib.md5(data, usedforsecurity=False).hexdigest() + "  region-latest.osm.pbf\n"
    return status(200, text.encode())


def overpass(source: Path, folder: Path, *, packed: bool = False) -> Answer:
    """Answer queries with what lies in their box, whole ways and relations with their members."""
    nodes, ways, relations = {}, {}, {}
    for item in osmium.FileProcessor(str(source)):
        if item.is_node():
            nodes[item.id] = (item.location.lon, item.location.lat, dict(item.tags))
        elif item.is_way():
            ways[item.id] = ([node.ref for node in item.nodes], dict(item.tags))
        else:
            members = [(m.type, m.ref, m.role) for m in item.members]
            relations[item.id] = (members, dict(item.tags))

    def answer(handler: BaseHTTPRequestHandler, one: Asked) -> None:
        text = parse_qs(one.body)["data"][0]
        found = re.search(r"\[bbox:([-\d.]+),([-\d.]+),([-\d.]+),([-\d.]+)\]", text)
        assert found is not None
        south, west, north, east = map(float, found.groups())
        inside = {k for k, (x, y, _) in nodes.items() if west <= x <= east and south <= y <= north}
        near = {k for k, (refs, _) in ways.items() if inside & set(refs)}
        kept = {k: v for k, v in relations.items() if any(ref in near for _, ref, _ in v[0])}
        lines = {k for k in near if ways[k][1]} | {r for v in kept.values() for _, r, _ in v[0]}
        points = {k for k in inside if nodes[k][2]} | {r for k in lines for r in ways[k][0]}
        path = folder / f"answer-{time.monotonic_ns()}.osm"
        with osmium.SimpleWriter(str(path)) as writer:
            for key in sorted(points, reverse=True):  # as `out qt`: in no order to rely on
                x, y, tags = nodes[key]
                writer.add_node(Node(id=key, location=(x, y), tags=tags))
            for key in sorted(lines):
                writer.add_way(Way(id=key, nodes=ways[key][0], tags=ways[key][1]))
            for key, (members, tags) in kept.items():
                writer.add_relation(Relation(id=key, members=members, tags=tags))
        meta = f'<meta osm_base="{OSM_BASE}"/>'
        body = re.sub(rb"(<osm[^>]*>)", rb"\1" + meta.encode(), path.read_bytes(), count=1)
        headers = {"Content-Type": "application/osm3s+xml"}
        if packed:
            assert "gzip" in one.headers["Accept-Encoding"]
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        say(handler, 200, body, headers)

    return answer
