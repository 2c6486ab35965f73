"""A polite HTTP client: checked addresses, bounded answers, patience where a server asks for it."""

from __future__ import annotations

import email.utils
import http.client
import ssl
import time
import zlib
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from siting.errors import FetchError
from siting.fetch.address import allowed, connect
from siting.fetch.rules import USER_AGENT, Rules
from siting.inputs.sniff import MOST_RATIO, SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CUT = (OSError, http.client.HTTPException)
"""What a connection that fails or breaks off raises."""
BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Answers after which the same request may do better."""

_MOVED = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_MOST_MOVES = 5
_CHUNK = 1 << 18
_GZIP = 31  # zlib's window bits for gzip


@dataclass(frozen=True, slots=True)
class Progress:
    """What a fetch is doing; `total` 0 where it isn't known, both in bytes."""

    text: str
    done: int = 0
    total: int = 0


def silent(_: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Client:
    """
    The rules, whom to tell, and when each host was last asked.

    Attributes
    ----------
    rules
        The user's rules.
    tell
        Told what is going on.
    sleep, clock
        How to wait and tell the time, seconds.
    """

    rules: Rules
    tell: Callable[[Progress], None] = silent
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    last: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 0.0
    """Silence to bear; 0: as the rules say."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body waits to be read; close it."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection

    def close(self) -> None:
        """Close the connection."""
        self.response.close()
        self.connection.close()

    def header(self, name: str) -> str:
        """Return a header, "" where it isn't there."""
        return str(self.headers.get(name, ""))


def ask(client: Client, request: Request) -> Reply:
    """
    Make a request, following redirects and waiting where the server is busy.

    Parameters
    ----------
    client
        The rules.
    request
        What to ask for.

    Returns
    -------
    reply
        Any answer but a redirect and those of `BUSY`.

    Raises
    ------
    FetchError
        The rules forbid it, or there was no answer in the tries given.
    """
    for attempt in range(client.rules.tries):
        try:
            reply = _followed(client, request)
        except ssl.SSLCertVerificationError as error:
            raise FetchError(
                "the host's certificate doesn't hold", where=request.url, value=error
            ) from error
        except CUT as error:
            why, after = _words(error), 0.0
        else:
            if reply.status not in BUSY:
                return reply
            with closing(reply):
                why, after = f"HTTP {reply.status}", retry_after(reply.header("Retry-After"))
        if attempt + 1 < client.rules.tries:
            wait(client, attempt, why, after)
    raise FetchError(
        f"no answer in {client.rules.tries} tries",
        where=request.url,
        value=why,
        cure="Try again later, or give another source",
    )


def wait(client: Client, attempt: int, why: str, after_s: float = 0.0) -> None:
    """
    Wait before the next try: twice as long each time, and as long as the server asks.

    Raises
    ------
    FetchError
        The server asks for more than the rules bear.
    """
    seconds = max(after_s, client.rules.backoff_s * 2**attempt)
    if after_s > client.rules.longest_wait_s:
        raise FetchError(
            "the server asks to wait longer than your rules bear",
            value=f"{after_s:,.0f} s, {why}",
            cure="Try again after that time, or raise `longest_wait_s` of your fetch.yaml",
        )
    seconds = min(seconds, client.rules.longest_wait_s)
    client.tell(Progress(f"{why}; again in {seconds:,.0f} s"))
    client.sleep(seconds)


def retry_after(value: str) -> float:
    """Return the seconds that a `Retry-After` header asks for, number or date; 0 without one."""
    word = value.strip()
    if word.isdecimal():
        return float(word)
    try:
        when = email.utils.parsedate_to_datetime(word)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def body(client: Client, reply: Reply) -> Iterator[bytes]:
    """
    Read an answer piece by piece, unpacked where it comes packed.

    Raises
    ------
    FetchError
        It is larger than the rules let pass, or unpacks beyond measure.
    http.client.IncompleteRead
        It breaks off.
    """
    length = reply.header("Content-Length")
    declared = int(length) if length.isdecimal() else 0
    most = client.rules.most_bytes
    if declared > most:
        raise _too_large(reply, most)
    packing = reply.header("Content-Encoding").strip().lower() or "identity"
    if packing not in {"identity", "gzip"}:
        raise FetchError("the answer is packed in a way not asked for", value=packing)
    pieces = _pieces(reply, declared)
    total = 0
    for piece in _unpacked(reply, pieces) if packing == "gzip" else pieces:
        total += len(piece)
        if total > most:
            raise _too_large(reply, most)
        yield piece


def _too_large(reply: Reply, most: int) -> FetchError:
    return FetchError(
        "the answer is larger than your rules let pass",
        where=reply.url,
        value=f"over {most / 1e6:,.0f} MB",
        cure="Take a smaller region, or raise `most_mb` of your fetch.yaml",
    )


def _pieces(reply: Reply, declared: int) -> Iterator[bytes]:
    total = 0
    while piece := reply.response.read1(_CHUNK):
        total += len(piece)
        yield piece
    if declared and total < declared:  # the library itself says so of chunked answers only
        raise http.client.IncompleteRead(b"", declared - total)


def _unpacked(reply: Reply, pieces: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    taken = given = 0
    for piece in pieces:
        taken += len(piece)
        data = piece
        while data and not unpacker.eof:
            try:
                out = unpacker.decompress(data, _CHUNK)
            except zlib.error as error:
                raise http.client.IncompleteRead(b"") from error
            data = unpacker.unconsumed_tail
            given += len(out)
            if given > max(SMALL_BYTES, MOST_RATIO * taken):
                raise FetchError(
                    f"the answer unpacks to more than {MOST_RATIO} times its size", where=reply.url
                )
            yield out
    if not unpacker.eof:
        raise http.client.IncompleteRead(b"")


def _followed(client: Client, request: Request) -> Reply:
    """Ask, and go where redirects lead as long as the rules let each of them pass."""
    for _ in range(_MOST_MOVES):
        reply = _once(client, request)
        target = reply.header("Location")
        if reply.status not in _MOVED or not target:
            return reply
        reply.close()
        if request.body is not None and reply.status not in _KEEP_METHOD:
            raise FetchError(
                "the server moved; a query isn't sent on by itself",
                where=request.url,
                value=target[:200],
                cure="Write the new address as `overpass:` in your fetch.yaml",
            )
        request = replace(request, url=urljoin(reply.url, target))
    raise FetchError("the server redirects without end", where=request.url)


def _once(client: Client, request: Request) -> Reply:
    place = allowed(request.url, client.rules)
    _pause(client, place.host)
    timeout = request.timeout_s or client.rules.timeout_s
    sock = connect(place, timeout)
    connection: http.client.HTTPConnection
    try:
        if place.secure:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=place.host)
            connection = http.client.HTTPSConnection(place.host, place.port, timeout=timeout)
        else:
            connection = http.client.HTTPConnection(place.host, place.port, timeout=timeout)
    except BaseException:
        sock.close()
        raise
    connection.sock = sock  # connected already, to the address that was checked
    try:
        headers = {"User-Agent": USER_AGENT, "Connection": "close", **request.headers}
        method = "GET" if request.body is None else "POST"
        connection.request(method, place.path, request.body, headers)
        response = connection.getresponse()
    except BaseException:
        connection.close()
        raise
    finally:
        client.last[place.host] = client.clock()
    return Reply(request.url, response.status, response.headers, response, connection)


def _pause(client: Client, host: str) -> None:
    """Keep the least time between two requests to a host."""
    if host in client.last:
        rest = client.last[host] + client.rules.pause_s - client.clock()
        if rest > 0:
            client.sleep(rest)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
