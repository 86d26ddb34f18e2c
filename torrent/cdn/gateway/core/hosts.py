"""Whom a request may think it is talking to: the defence against DNS rebinding.

A gateway on loopback trusts that only its own machine can ask it. A web page breaks that: its owner
lets the page's own host name lead to 127.0.0.1, and the browser, for which host names are what
origins are made of, lets the page read what it gets from there. Such requests carry the page's host
in ``Host``. So ``Host`` must be one of ours: an address of this machine's loopback, ``localhost``,
or what the user allowed (``--allow-host``). Any other address that we were reached at is right as
well, because there is no name in it that could lead elsewhere.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from torrent.cdn.gateway.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

_LOCAL: Final = "localhost"
_HOST: Final = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{0,5})?"
)


def check_host(host: str | None, allowed: Collection[str] = ()) -> None:
    """Let only those pass who mean us.

    Args:
        host: The field ``Host``; ``None`` in HTTP/1.0, which no browser speaks.
        allowed: Names that lead here besides; lower case.

    Raises:
        Refused: 421, somebody else is meant.
    """
    if host is None:
        return
    found = _HOST.fullmatch(host)
    name = found["host"].strip("[]").lower().removesuffix(".") if found else ""
    if name in allowed or name == _LOCAL or name.endswith(f".{_LOCAL}") or _is_address(name):
        return
    raise Refused(
        421,
        "this gateway does not go by that name. If it is yours and leads here, start it with "
        "--allow-host NAME",
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
