"""Whom a request means by ``Host``: this gateway, one of its sites, or somebody else.

**Somebody else** is the defence against DNS rebinding. A gateway on loopback trusts that only its
own machine can ask it. A web page breaks that: its owner lets the page's own host name lead to
127.0.0.1, and the browser, for which host names are what origins are made of, lets the page read
what it gets from there. Such requests carry the page's host in ``Host``. So ``Host`` must be one of
ours: an address of this machine's loopback, ``localhost``, or what the user allowed
(``--allow-host``). Any other address that we were reached at is right as well, because there is no
name in it that could lead elsewhere.

**A site** has an origin of its own by a name before ours, which browsers let lead to loopback by
themselves (RFC 6761, section 6.3)::

    k51….localhost:8080           a key's own name
    blog.k51….localhost:8080      the same with a salt, where that is what a host can be called
    <infohash>.localhost:8080     a torrent, by 40 hexadecimal digits

Below ``/btpk/`` and ``/btih/`` all sites share the gateway's origin: to a browser they are one
site, and each may read what another shows or keeps there. Only there can all salts be written.
"""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from dht.names import AddressError
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.name import Name

if TYPE_CHECKING:
    from collections.abc import Collection

_LOCAL: Final = "localhost"
_HOST: Final = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{0,5})?"
)
_LABEL: Final = re.compile(rb"(?!..--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""What a host can be called that comes back as it was: browsers lower all letters, and take what
begins with ``xn--`` for something encoded."""
_SITE: Final = re.compile(r"(?:(?P<salt>[a-z0-9-]+)\.)?(?P<key>k[a-z0-9]+)|(?P<hash>[0-9a-f]{40})")


def read_host(host: str | None, allowed: Collection[str] = ()) -> Name | bytes | None:
    """Let only those pass who mean us; whom they mean.

    Args:
        host: The field ``Host``; ``None`` in HTTP/1.0, which no browser speaks.
        allowed: Names that lead here besides; lower case.

    Returns:
        The site that has this host to itself, or the torrent; ``None``: the gateway.

    Raises:
        Refused: 421, somebody else is meant.
    """
    if host is None:
        return None
    found = _HOST.fullmatch(host)
    name = found["host"].strip("[]").lower().removesuffix(".") if found else ""
    if name in allowed or name == _LOCAL or _is_address(name):
        return None
    for ours in (_LOCAL, *allowed):
        before = name.removesuffix(f".{ours}")
        if before != name and (site := _site(before)) is not None:
            return site
    if name.endswith(f".{_LOCAL}"):
        return None
    raise Refused(
        421,
        "this gateway does not go by that name. If it is yours and leads here, start it with "
        "--allow-host NAME",
    )


def host_of(what: Name | bytes, host: str = _LOCAL) -> str | None:
    """The host that a site has to itself, before a name of ours; ``None``: it can have none."""
    if isinstance(what, bytes):
        return f"{what[:20].hex()}.{host}"
    key = str(Name(what.public))
    if not what.salt:
        return f"{key}.{host}"
    return f"{what.salt.decode()}.{key}.{host}" if _LABEL.fullmatch(what.salt) else None


def beside(what: Name | bytes, host: str | None) -> str:
    """The URL of a site's own origin, for a visitor who came by ``host``; empty: it has none.

    Only who came from this machine is told one: elsewhere, nothing leads from there to us.
    """
    found = _HOST.fullmatch(host or "")
    name = found["host"].strip("[]").lower() if found else ""
    here = name == _LOCAL or (_is_address(name) and ip_address(name).is_loopback)
    own = host_of(what) if here else None
    port = (host or "").rpartition("]")[2].partition(":")[2]
    return "" if own is None else f"http://{own}{':' if port else ''}{port}/"


def _site(before: str) -> Name | bytes | None:
    """What the labels before our own name say, if they say anything."""
    found = _SITE.fullmatch(before)
    if found is None:
        return None
    if found["hash"]:
        return bytes.fromhex(found["hash"])
    with suppress(AddressError):
        name = Name(Name.parse(found["key"]).public, (found["salt"] or "").encode())
        return name if host_of(name) is not None else None
    return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
