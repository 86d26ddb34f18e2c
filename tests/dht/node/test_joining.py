"""Joining: the verdict verbs wait for, and trying again."""

from __future__ import annotations

import math
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.core.policy import Timeouts
from dht.errors import NoNetwork
from dht.node import joining as joining_module
from dht.node.config import PUBLIC_BOOTSTRAP, NodeConfig, format_address, parse_address
from dht.node.joining import Standing, resolve_name
from dht.node.node import Node
from tests.dht.node.peers import PATIENCE, alone, silent, until

if TYPE_CHECKING:
    from dht.node.udp import Address

HASTY = {"timeouts": Timeouts(short_initial=0.05, long_initial=0.1, forget_after=0.3)}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining_module, "_FIRST_PAUSE", 0.01)


def standing(node: Node) -> Standing:
    return node._living.joining._standing["ipv4"]


async def test_a_failed_node_goes_on_trying_and_joins_when_somebody_comes_up() -> None:
    with silent() as place:
        address: Address = place.getsockname()
        async with Node(alone(bootstrap=(address,), policy=HASTY)) as node:
            with pytest.raises(NoNetwork):
                await node.wait_ready()
            assert standing(node) is Standing.FAILED
            place.close()
            async with Node(alone(listen=(address,))):
                await until(lambda: standing(node) is Standing.JOINED)
                await node.wait_ready()


class Deaf:
    """Stands before a socket and loses the first few datagrams that arrive."""

    def __init__(self, sock: socket.socket, lost: int) -> None:
        self._sock = sock
        self._lost = lost

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        while True:
            data, address = self._sock.recvfrom(size)
            if not self._lost:
                return data, address
            self._lost -= 1

    def next_due(self) -> float:
        return math.inf


@pytest.mark.parametrize(("lost", "verdict"), [(2, Standing.JOINED), (3, Standing.FAILED)])
async def test_lost_questions_are_asked_again(
    lost: int, verdict: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining_module, "_ASK_AGAIN", 0.02)
    monkeypatch.setattr(joining_module, "_FIRST_PAUSE", 1e6)
    deaf = partial(Deaf, lost=lost)
    async with (
        Node(alone(link=deaf)) as hub,
        Node(alone(bootstrap=hub.addresses, policy=HASTY)) as node,
    ):
        await until(lambda: standing(node) is not Standing.JOINING)
        assert standing(node) is verdict


async def test_a_table_that_runs_empty_is_filled_again() -> None:
    async with Node(alone()) as hub, Node(alone(bootstrap=hub.addresses)) as node:
        await node.wait_ready()
        host = node._living.host
        table = host.ports[0].engine.table
        (contact,) = table.contacts()
        for effect in table.contradicted(contact):
            host.performed(host.ports[0], effect, trio.current_time())
        assert standing(node) is Standing.JOINING
        await node.wait_ready()
        assert standing(node) is Standing.JOINED
        assert list(table.contacts()) == [contact]


async def test_who_is_found_by_others_is_ready_whatever_became_of_joining() -> None:
    with silent() as nobody:
        async with Node(alone(bootstrap=(nobody.getsockname(),), policy=HASTY)) as node:
            with pytest.raises(NoNetwork):
                await node.wait_ready()
            async with Node(alone(bootstrap=node.addresses)) as visitor:
                await visitor.wait_ready()
                await until(lambda: node.statistics().contacts == 1)
                await node.wait_ready()
                assert node.ready


class NameServer(trio.abc.HostnameResolver):
    """A resolver that knows one name, denies another and never answers for the rest."""

    async def getaddrinfo(self, host: Any, port: Any, *rest: Any, **_: Any) -> Any:
        family = rest[0]
        if host == b"slow.example":
            await trio.sleep_forever()
        if host == b"router.example" and family == socket.AF_INET:
            return [(family, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


async def test_names_that_fail_or_hang_do_not_keep_us_from_joining() -> None:
    trio.socket.set_custom_hostname_resolver(NameServer())
    async with Node(alone()) as router:
        port = router.addresses[0][1]
        bootstrap = (("gone.example", 1), ("slow.example", 2), ("router.example", port))
        config = alone(bootstrap=bootstrap, policy=HASTY, resolve_timeout=0.05)
        async with Node(config) as node:
            await node.wait_ready()
            assert node.statistics().contacts == 1
            assert "gone.example:1" in node._living.joining.tried


async def test_a_bootstrap_list_that_cannot_be_resolved_is_no_network() -> None:
    trio.socket.set_custom_hostname_resolver(NameServer())
    async with Node(alone(bootstrap=(("gone.example", 1),))) as node:
        with pytest.raises(NoNetwork, match="gone"):
            await node.wait_ready()


@pytest.mark.parametrize(
    ("address", "family", "found"),
    [
        (("127.0.0.1", 5), "ipv4", [("127.0.0.1", 5)]),
        (("127.0.0.1", 5), "ipv6", []),
        (("::1", 5), "ipv6", [("::1", 5)]),
        (("router.example", 5), "ipv4", [("127.0.0.1", 5)]),
        (("router.example", 5), "ipv6", []),
        (("a" * 70, 5), "ipv4", []),
        (("xn--\udcff", 5), "ipv4", []),
    ],
)
async def test_resolving(address: Address, family: str, found: list[Address]) -> None:
    trio.socket.set_custom_hostname_resolver(NameServer())
    with trio.fail_after(PATIENCE):
        assert await resolve_name(address, family) == found


def test_the_bootstrap_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DHTCTL_BOOTSTRAP", raising=False)
    assert NodeConfig().bootstrap_addresses() == PUBLIC_BOOTSTRAP
    monkeypatch.setenv("DHTCTL_BOOTSTRAP", "127.0.0.1:5, [::1]:7")
    assert NodeConfig().bootstrap_addresses() == (("127.0.0.1", 5), ("::1", 7))
    monkeypatch.setenv("DHTCTL_BOOTSTRAP", "")
    assert NodeConfig().bootstrap_addresses() == ()
    assert NodeConfig(bootstrap=(("h", 1),)).bootstrap_addresses() == (("h", 1),)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("example.org:80", ("example.org", 80)),
        ("example.org", ("example.org", 6881)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ("[2001:db8::1]", ("2001:db8::1", 6881)),
        ("2001:db8::1", ("2001:db8::1", 6881)),
        ("::1", ("::1", 6881)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(format_address(address)) == address


@pytest.mark.parametrize("text", ["", ":80", "host:", "host:x", "host:65536", "host:-1", "[]:5"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT"):
        parse_address(text)
