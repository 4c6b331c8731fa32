"""From which address a request comes, also where proxies stand between."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from aiohttp import web

UNKNOWN = "?"


def address_of(request: web.Request, proxies: Collection[str]) -> str:
    """The address of whoever asks: the peer's, or what the trusted `proxies` say of it in X-Forwarded-For.

    Read from its end: what stands before the first address that is no proxy of ours anybody may have written.
    """
    address = _read(request.remote or "")
    told = [part for line in request.headers.getall("X-Forwarded-For", ()) for part in line.split(",")]
    while address in proxies and told:
        address = _read(told.pop())
    return address


def neighbourhood(address: str) -> str:
    """What counts as one place: an IPv4 address, or the network of 64 bits that an IPv6 one is given from."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((read, 64), strict=False))
    return address


def _read(written: str) -> str:
    """As Python writes it; an IPv4 address in IPv6's clothes as what it is."""
    try:
        read = ipaddress.ip_address(written.strip().partition("%")[0])
    except ValueError:
        return UNKNOWN
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return str(mapped or read)
