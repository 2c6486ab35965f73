"""Which addresses may be asked: https, a host of the list, a public IP address."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from siting.errors import FetchError

if TYPE_CHECKING:
    from siting.fetch.rules import Rules

_PLAIN = re.compile(r"[!-~]+")  # printable ASCII without the space
_PORTS = {"https": 443, "http": 80}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


@dataclass(frozen=True, slots=True)
class Place:
    """
    A URL that the rules let pass.

    Attributes
    ----------
    url
        The URL.
    secure
        Asked by TLS.
    host, port
        Where to connect.
    path
        Path and query.
    private
        Whether the user lets this host lie on a private address.
    """

    url: str
    secure: bool
    host: str
    port: int
    path: str
    private: bool


def allowed(url: str, rules: Rules) -> Place:
    """
    Check a URL against the user's rules, before anything is looked up.

    Raises
    ------
    FetchError
        No https, a user name in it, or a host that isn't listed.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise FetchError("this is no URL", value=repr(url[:200])) from error
    plain = _PLAIN.fullmatch(url) is not None  # urlsplit itself drops line ends
    if parts.scheme not in _PORTS or not host or not plain or parts.username is not None:
        raise FetchError(
            "this is no URL that can be fetched",
            value=repr(url[:200]),
            cure="Give one that starts with https:// and holds no user name",
        )
    private = f"{host}:{port}" in rules.insecure_hosts
    if not private:
        _refuse_unlisted(url, parts.scheme, host, port, rules)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(url, parts.scheme == "https", host, port, path, private)


def _refuse_unlisted(url: str, scheme: str, host: str, port: int, rules: Rules) -> None:
    if scheme != "https":
        raise FetchError(
            "only https is fetched", value=url[:200], cure="Give the https address of the host"
        )
    name = host if port == _PORTS["https"] else f"{host}:{port}"
    if name not in rules.hosts:
        raise FetchError(
            "this host isn't on your list",
            where=url[:200],
            value=name,
            cure=f"Hosts listed: {', '.join(rules.hosts)}. Add it under `hosts:` of your fetch.yaml"
            " if you trust it",
        )


def connect(place: Place, timeout_s: float) -> socket.socket:
    """
    Connect to a host at an address that was checked: the one looked up is the one used.

    Raises
    ------
    FetchError
        All its addresses are private.
    OSError
        The host has no address or doesn't answer.
    """
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    usable = [address for address in addresses if place.private or is_public(address)]
    if not usable:
        raise FetchError(
            "this host lies on a private address, which is never asked",
            where=place.url[:200],
            value=", ".join(addresses),
            cure="List it as `name:port` under `insecure_hosts:` of your fetch.yaml if it is a"
            " mirror of your own",
        )
    for address in usable[:-1]:
        try:
            return socket.create_connection((address, place.port), timeout_s)
        except OSError:
            continue
    return socket.create_connection((usable[-1], place.port), timeout_s)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet, also where IPv6 wraps IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast
