"""Whether a name or an address is that of this machine, which nobody on a network reaches."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str | None) -> bool:
    """A name other than localhost is taken for an outside one."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
