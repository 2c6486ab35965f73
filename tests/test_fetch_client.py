"""The client of fetch: where it never goes, how it waits, how much it takes."""

from __future__ import annotations

import email.utils
import gzip
import http.client
import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fetchserver import Asked, Server, say, serving, status
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import FetchError
from siting.fetch.address import allowed, is_public
from siting.fetch.client import Client, Request, ask, body, retry_after
from siting.fetch.download import download
from siting.fetch.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def _client(server: Server, slept: list[float] | None = None, **more: object) -> Client:
    rules = {
        "hosts": ("localhost", f"localhost:{server.port}"),
        "insecure_hosts": (f"127.0.0.1:{server.port}",),
        "pause_s": 0,
        "timeout_s": 3,
        **more,
    }
    waits = slept if slept is not None else []
    return Client(Rules.model_validate(rules), sleep=waits.append)


def _text(client: Client, url: str) -> bytes:
    with closing(ask(client, Request(url, {"Accept-Encoding": "gzip"}))) as reply:
        assert reply.status == 200
        return b"".join(body(client, reply))


@pytest.mark.parametrize(
    "url",
    [
        "http://download.geofabrik.de/a.osm.pbf",
        "https://evil.example/a.osm.pbf",
        "https://download.geofabrik.de.evil.example/a.osm.pbf",
        "https://download.geofabrik.de:8443/a.osm.pbf",
        "https://download.geofabrik.de@evil.example/a.osm.pbf",
        "https://me:secret@download.geofabrik.de/a.osm.pbf",
        "https://127.0.0.1/a.osm.pbf",
        "https://[::1]/a.osm.pbf",
        "https:///a.osm.pbf",
        "https://download.geofabrik.de:x/a.osm.pbf",
        "file:///etc/passwd",
        "ftp://download.geofabrik.de/a.osm.pbf",
        "download.geofabrik.de/a.osm.pbf",
        "https://dоwnload.geofabrik.de/a.osm.pbf",  # a Cyrillic letter
        "https://download.geofabrik.de/\r\nHost: evil.example",
    ],
)
def test_only_https_to_a_listed_host_is_asked(url: str) -> None:
    with pytest.raises(FetchError):
        allowed(url, Rules())


def test_a_listed_host_passes_in_any_case_of_letters() -> None:
    place = allowed("https://Download.Geofabrik.de/asia/a.osm.pbf?x=1", Rules())
    assert (place.host, place.port, place.path) == (
        "download.geofabrik.de",
        443,
        "/asia/a.osm.pbf?x=1",
    )
    assert place.secure
    assert not place.private


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"),
    ],
)
def test_private_addresses_are_known_in_every_dress(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_wrapped_as_bare(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)


def test_a_listed_name_that_leads_to_a_private_address_is_refused(server: Server) -> None:
    for url in ("https://localhost/a", f"https://localhost:{server.port}/a"):
        with pytest.raises(FetchError, match="private address"):
            ask(_client(server), Request(url))
    assert server.asked == []


def test_a_name_is_looked_up_once_so_that_it_can_lead_nowhere_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trick of DNS rebinding: a public address for the check, a private one to connect."""
    real, looked, tried = socket.getaddrinfo, [], []

    def lookup(host: str, *rest: object, **more: object) -> object:
        if host != "localhost":
            return real(host, *rest, **more)  # type: ignore[arg-type]
        looked.append(host)
        address = "203.0.114.7" if len(looked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append((*address, timeout))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(FetchError, match="no answer"):
        ask(_client(server, tries=1), Request("https://localhost/a"))
    assert looked == ["localhost"]
    assert tried == [("203.0.114.7", 443, 3.0)]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://127.0.0.1:1/a", "only https"),
        ("https://127.0.0.1/a", "isn't on your list"),
        ("https://evil.example/a", "isn't on your list"),
        ("https://localhost/a", "private address"),
        ("http://169.254.169.254/latest/meta-data", "only https"),
        ("file:///etc/passwd", "no URL that can be fetched"),
    ],
)
def test_a_redirect_goes_nowhere_that_the_rules_forbid(
    server: Server, target: str, words: str
) -> None:
    url = server.on("/a", status(302, Location=target))
    with pytest.raises(FetchError, match=words):
        ask(_client(server), Request(url))
    assert len(server.asked) == 1


def test_a_redirect_on_a_listed_host_is_followed(server: Server) -> None:
    url = server.on("/latest", status(302, Location="/dated"))
    server.on("/dated", status(200, b"the file"))
    assert _text(_client(server), url) == b"the file"


def test_a_circle_of_redirects_ends(server: Server) -> None:
    url = server.on("/a", status(301, Location="/a"))
    with pytest.raises(FetchError, match="without end"):
        ask(_client(server), Request(url))


def test_a_query_is_not_carried_to_where_a_server_moved(server: Server) -> None:
    url = server.on("/a", status(302, Location="/b"))
    with pytest.raises(FetchError, match="moved"):
        ask(_client(server), Request(url, body=b"data=x"))
    server.on("/a", status(307, Location="/b"))
    server.on("/b", status(200, b"ok"))
    with closing(ask(_client(server), Request(url, body=b"data=x"))) as reply:
        assert reply.status == 200
    assert [one.method for one in server.asked] == ["POST", "POST", "POST"]
    assert server.asked[-1].body == "data=x"


def test_a_server_that_asks_for_a_pause_gets_it(server: Server) -> None:
    slept: list[float] = []
    url = server.on("/a", status(429, Retry_After="7"), status(504), status(200, b"ok"))
    assert _text(_client(server, slept, backoff_s=2), url) == b"ok"
    assert slept == [7.0, 4.0]  # as asked, then twice the first back-off
    assert len(server.asked) == 3


def test_waits_double_and_tries_end(server: Server) -> None:
    slept: list[float] = []
    url = server.on("/a", status(503))
    with pytest.raises(FetchError, match=r"no answer in 4 tries.*HTTP 503"):
        ask(_client(server, slept, tries=4, backoff_s=2), Request(url))
    assert slept == [2.0, 4.0, 8.0]
    assert len(server.asked) == 4


def test_a_pause_beyond_patience_is_told_instead_of_waited(server: Server) -> None:
    slept: list[float] = []
    url = server.on("/a", status(429, Retry_After="86400"))
    with pytest.raises(FetchError, match="86,400 s"):
        ask(_client(server, slept), Request(url))
    assert slept == []


def test_a_retry_date_is_seconds_from_now() -> None:
    when = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 <= retry_after(when) <= 90
    past = email.utils.format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert [retry_after(word) for word in (past, "", "soon", "12", "-3")] == [0, 0, 0, 12, 0]


def test_two_requests_to_a_host_keep_their_distance(server: Server) -> None:
    now, slept = [100.0], []
    rules = Rules(insecure_hosts=(f"127.0.0.1:{server.port}",), pause_s=1.5)
    client = Client(rules, sleep=slept.append, clock=lambda: now[0])
    url = server.on("/a", status(200, b"ok"))
    for step in (0.5, 5.0, 0.0):
        _text(client, url)
        now[0] += step
    assert slept == [1.0]  # after half a second the rest of the pause, after five none


def test_a_dead_host_is_told_as_such() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rules = Rules(insecure_hosts=(f"127.0.0.1:{port}",), tries=2, backoff_s=0)
    with pytest.raises(FetchError, match="no answer in 2 tries"):
        ask(Client(rules), Request(f"http://127.0.0.1:{port}/a"))


def test_a_packed_bomb_is_stopped(server: Server) -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    url = server.on("/a", status(200, bomb, Content_Encoding="gzip"))
    with pytest.raises(FetchError, match="100 times"):
        _text(_client(server), url)


def test_packed_answers_are_unpacked_and_counted_unpacked(server: Server) -> None:
    text = b"<osm></osm>" * 1000
    url = server.on("/a", status(200, gzip.compress(text), Content_Encoding="gzip"))
    assert _text(_client(server), url) == text
    with pytest.raises(FetchError, match="larger than your rules"):
        _text(_client(server, most_mb=0.01), url)


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_that_breaks_off_is_never_taken_for_whole(
    server: Server, *, packed: bool
) -> None:
    whole = gzip.compress(bytes(range(256)) * 100) if packed else b"x" * 1000

    def cut(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        more = {"Content-Encoding": "gzip"} if packed else {}
        # A packed answer is cut where its length can't tell, as by a proxy that repacks.
        length = len(whole) // 2 if packed else len(whole)
        say(handler, 200, whole[: len(whole) // 2], {"Content-Length": str(length), **more})

    url = server.on("/a", cut)
    with pytest.raises(http.client.IncompleteRead):
        _text(_client(server), url)


def test_a_piece_that_was_not_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    def other(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        say(handler, 206, b"x" * 10, {"Content-Range": "bytes 5-14/100", "ETag": '"a"'})

    url = server.on("/a.osm.pbf", other)
    with pytest.raises(FetchError, match="another piece"):
        download(_client(server), url, tmp_path / "a.osm.pbf")


def test_a_missing_file_is_told_at_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="HTTP 404"):
        download(_client(server), server.base + "/a.osm.pbf", tmp_path / "a.osm.pbf")
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []
