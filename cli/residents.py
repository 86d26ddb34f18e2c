"""Nodes that stay: where they listen and join, and what they need of the system.

Apart from :mod:`cli.network`, which short-lived nodes go through, because that one knows names and
keys, whose libraries would cost a node that lives for months memory it never uses.
"""

from __future__ import annotations

import resource
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from cli.errors import CommandError, UsageError
from dht.node.config import EVERYWHERE, PUBLIC_BOOTSTRAP, format_address, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cli.settings import Settings
    from dht.node.udp import Address

_PORTS: Final = 65536
_LISTEN_HINT: Final = "write PORT, ADDRESS:PORT or [IPV6]:PORT"
_BOOTSTRAP_HINT: Final = "write HOST:PORT or [IPV6]:PORT; '' joins nobody"
_SPARE_FILES: Final = 64
"""Descriptors that a process needs besides its sockets: standard streams, database, libraries."""


def listen(settings: Settings) -> tuple[Address, ...]:
    """Where to bind; a port alone means that port for both address families.

    Raises:
        UsageError: What was typed is no address.
    """
    if settings.listen is None:
        return EVERYWHERE
    found: list[Address] = []
    for word in settings.listen:
        # What is no port, or too big for one, is then no address either.
        bare = word.removeprefix(":")
        if bare.isascii() and bare.isdigit() and int(bare) < _PORTS:
            found += [(host, int(bare)) for host, _ in EVERYWHERE]
        else:
            found.append(_address(word, "--listen", _LISTEN_HINT, numeric=True))
    return tuple(found)


def bootstrap(settings: Settings) -> tuple[Address, ...]:
    """Where to join: what was asked for (``''``: nowhere), or the public nodes.

    Raises:
        UsageError: What was typed is no address.
    """
    if settings.bootstrap is None:
        return PUBLIC_BOOTSTRAP
    return tuple(_address(word, "--bootstrap", _BOOTSTRAP_HINT) for word in settings.bootstrap)


def _address(word: str, origin: str, hint: str, *, numeric: bool = False) -> Address:
    """Read one; ``numeric``: names will not do, a socket is bound to an address of ours."""
    try:
        address = parse_address(word)
        if numeric:
            ip_address(address[0].partition("%")[0])
    except ValueError as error:
        raise UsageError(f"{origin}: {error}", hint=hint) from error
    return address


def shown(addresses: Iterable[Address]) -> list[str]:
    """Addresses as they are typed."""
    return [format_address(address) for address in addresses]


def allow_sockets(number: int) -> None:
    """Raise this process's limit of open files so that ``number`` sockets fit.

    Raises:
        CommandError: The system does not let us.
    """
    needed = number + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise CommandError(
            f"{number} sockets need {needed} open files, and {hard} is the limit here",
            hint="use fewer nodes, or raise the limit (`ulimit -Hn`, LimitNOFILE in systemd)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
