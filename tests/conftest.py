"""What every test stands on: one Hypothesis profile, and no packet that leaves this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# "ci" finds the same things on every run: a failure seen once can be had again. "explore" draws
# anew each time, and longer. "quick" is for runs in which every line is traced.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=200)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("explore", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class LeftLoopbackError(AssertionError):
    """A test tried to reach beyond this machine."""


@lru_cache(maxsize=4096)
def stays_here(host: str) -> bool:
    """Whether ``host`` is this machine: a loopback address, or the name of it."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False  # any other name would ask a name server
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_address(address: object) -> None:
    """Refuse a socket address beyond loopback. Unix and netlink sockets have no host."""
    if isinstance(address, tuple) and address and isinstance(address[0], str):
        check_host(address[0])


def check_host(host: object) -> None:
    """Refuse a host beyond loopback; none at all means the wildcard, which only listens."""
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name and not stays_here(name):
        raise LeftLoopbackError(f"a test tried to reach {name!r}; only loopback is allowed")


def check_sendto(sock: socket.socket, address: object) -> None:
    """Refuse a datagram beyond loopback; one to many may go if its socket sends on ``lo`` only."""
    if not (_is_multicast(address) and _sends_on_loopback(sock)):
        check_address(address)


def _is_multicast(address: object) -> bool:
    host = address[0] if isinstance(address, tuple) and address else ""
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False


def _sends_on_loopback(sock: socket.socket) -> bool:
    if sock.family == socket.AF_INET6:
        index = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF)
        return bool(index) and socket.if_indextoname(index).startswith("lo")
    here = sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)
    return stays_here(socket.inet_ntoa(here))


def check_resolution(host: object, *rest: Any, **_: Any) -> None:
    """Refuse to resolve a name; to read a number (AI_NUMERICHOST) asks nobody."""
    if len(rest) < 5 or not rest[4] & socket.AI_NUMERICHOST:
        check_host(host)


def guarded(function: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    """Wrap ``function`` so that ``check`` sees its arguments first."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        check(*args, **kwargs)
        return function(*args, **kwargs)

    return wrapper


GUARDS: dict[str, Callable[..., None]] = {
    "connect": lambda _self, address: check_address(address),
    "connect_ex": lambda _self, address: check_address(address),
    "sendto": lambda self, _data, *rest: check_sendto(self, rest[-1]),
    "sendmsg": lambda _self, _data, *rest: check_address(rest[2] if len(rest) > 2 else None),
}


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """Raise in the test that would send, connect or resolve beyond loopback.

    Sees every socket of the standard library in this process, trio's included; not those of
    subprocesses or of compiled libraries, which are told to stay on loopback by their settings.
    """
    patch = pytest.MonkeyPatch()
    for name, check in GUARDS.items():
        patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), check))
    for name in ("getaddrinfo", "gethostbyname"):
        patch.setattr(socket, name, guarded(getattr(socket, name), check_resolution))
    yield
    patch.undo()
