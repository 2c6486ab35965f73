"""Tiles in a browser: asked of a server that plays the tile services, in its scheme, and drawn."""

from __future__ import annotations

import math
import shutil
import ssl
import struct
import subprocess
import threading
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from plans import make_plan

from siting.datum import wgs84_to_gcj02
from siting.webmap import write_map
from siting.webmap.tiles import tile_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from siting.plan import Plan

pytestmark = pytest.mark.browser
KEY = "0123456789abcdef0123456789abcdef"
GREEN = (0, 160, 60)


@dataclass
class Asked:
    """What a server was asked: host with path and parameters, in the order that it came."""

    port: int
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def _tile() -> bytes:
    """Return a green PNG of 256 x 256."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes(GREEN) * 256) * 256
    head = struct.pack(">IIBBBBB", 256, 256, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Serve tiles by TLS from this machine, whatever the name of the host that is asked."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tiles"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([openssl, *words, *files], check=True, capture_output=True)  # noqa: S603
    asked, picture = Asked(0), _tile()

    class Handler(BaseHTTPRequestHandler):
        """Answers every request with the tile."""

        def do_GET(self) -> None:
            """Note what is asked and answer."""
            at = urlsplit(self.path)
            words = {key: values[0] for key, values in parse_qs(at.query).items()}
            asked.seen.append((str(self.headers["Host"]), at.path, words))
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    served.socket = context.wrap_socket(served.socket, server_side=True)
    asked.port = served.server_address[1]
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield asked
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture(scope="module")
def online(chromium: Browser, server: Asked) -> Iterator[Browser]:
    """Start a browser that finds every host at the server."""
    launcher, path = chromium.browser_type, shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine")
    rules = f"--host-resolver-rules=MAP * 127.0.0.1:{server.port}"
    browser = launcher.launch(executable_path=path, args=["--no-sandbox", rules])
    yield browser
    browser.close()


def _open(browser: Browser, path: Path, asked: Asked, hash_: str = "") -> Page:
    """Open a map and wait until its tiles are there."""
    asked.seen.clear()
    page = browser.new_context(ignore_https_errors=True).new_page()
    page.goto(path.as_uri() + hash_)
    page.wait_for_selector("#siting[data-ready=true]", state="attached")
    page.wait_for_selector(".leaflet-tile-loaded", state="attached")
    page.wait_for_function(
        "() => document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0"
    )
    return page


def _middle(plan: Plan) -> tuple[float, float]:
    west, south, east, north = plan.districts.total_bounds.tolist()
    return (west + east) / 2, (south + north) / 2


def _holds(lon: float, lat: float, tiles: set[tuple[int, int, int]]) -> bool:
    """Tell whether one of some tiles z, x, y holds a place by the scheme of XYZ."""
    for z, x, y in tiles:
        side = 2**z
        up = math.asinh(math.tan(math.radians(lat)))
        at = int((lon + 180) / 360 * side), int((1 - up / math.pi) / 2 * side)
        if at == (x, y):
            return True
    return False


def _painted(page: Page) -> bool:
    """Tell whether a picture of the page shows the green of the tiles."""
    script = """() => {
      const tile = document.querySelector('img.leaflet-tile-loaded');
      const canvas = document.createElement('canvas');
      canvas.width = tile.naturalWidth; canvas.height = tile.naturalHeight;
      return [tile.complete, tile.naturalWidth, getComputedStyle(tile).opacity,
              tile.getBoundingClientRect().width > 0];
    }"""
    done, wide, opacity, seen = page.evaluate(script)
    return bool(done and wide == 256 and float(opacity) > 0 and seen)


def test_openstreetmap_is_asked_by_zoom_column_and_row(
    online: Browser, server: Asked, tmp_path: Path
) -> None:
    plan, path = make_plan(), tmp_path / "a.html"
    write_map(plan, path, tiles=tile_source("osm", path))
    page = _open(online, path, server)
    assert {host for host, _, _ in server.seen} == {"tile.openstreetmap.org"}
    parts = [at.removesuffix(".png").split("/")[1:] for _, at, _ in server.seen]
    assert _holds(*_middle(plan), {(int(z), int(x), int(y)) for z, x, y in parts})
    assert _painted(page)


def test_tianditu_is_asked_by_its_wmts_words_with_the_key_of_the_address(
    online: Browser, server: Asked, tmp_path: Path
) -> None:
    plan, path = make_plan(), tmp_path / "a.html"
    write_map(plan, path, tiles=tile_source("tianditu", path))
    page = _open(online, path, server, f"#tk={KEY}")
    assert KEY not in page.url
    assert KEY.encode() not in path.read_bytes()
    assert {at for _, at, _ in server.seen} == {"/vec_w/wmts", "/cva_w/wmts"}
    assert all(host.endswith(".tianditu.gov.cn") for host, _, _ in server.seen)
    fixed = {
        "SERVICE": "WMTS",
        "REQUEST": "GetTile",
        "VERSION": "1.0.0",
        "STYLE": "default",
        "TILEMATRIXSET": "w",
        "FORMAT": "tiles",
        "tk": KEY,
    }
    for _, at, words in server.seen:
        assert words["LAYER"] == at[1:4]
        assert {key: words[key] for key in fixed} == fixed
    tiles = {tuple(int(w[f"TILE{k}"]) for k in ("MATRIX", "COL", "ROW")) for *_, w in server.seen}
    assert _holds(*_middle(plan), {(z, x, y) for z, x, y in tiles})
    assert _painted(page)


def test_without_a_key_tianditu_is_asked_nothing(
    online: Browser, server: Asked, tmp_path: Path
) -> None:
    path = tmp_path / "a.html"
    write_map(make_plan(), path, tiles=tile_source("tianditu", path))
    server.seen.clear()
    page = online.new_context(ignore_https_errors=True).new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("#siting[data-ready=true]", state="attached")
    page.wait_for_selector(".s-key:not([hidden])")
    assert server.seen == []


def test_amap_lies_under_a_plan_in_its_own_datum(
    online: Browser, server: Asked, tmp_path: Path
) -> None:
    plan, path = make_plan(), tmp_path / "a-gcj02.html"
    source = tile_source("amap", path)
    write_map(plan, path, tiles=source)
    page = _open(online, path, server)
    assert all(at == "/appmaptile" for _, at, _ in server.seen)
    assert all(host.endswith(".is.autonavi.com") for host, _, _ in server.seen)
    tiles = {(int(w["z"]), int(w["x"]), int(w["y"])) for *_, w in server.seen}
    lon, lat = _middle(plan)
    x, y = wgs84_to_gcj02([lon], [lat])
    assert _holds(float(x[0]), float(y[0]), tiles)
    west = page.evaluate("() => siting.data.bounds[0]")
    assert west - plan.districts.total_bounds[0] == pytest.approx(x[0] - lon, abs=2e-3)
    assert abs(x[0] - lon) > 4e-3
    assert _painted(page)
