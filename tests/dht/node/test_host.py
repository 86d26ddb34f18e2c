"""What belongs to both address families: numbers, contacts, our external address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dht.core.keys import MAINLINE_SPACE
from dht.mainline.nodeid import is_secure
from dht.node.host import Host
from dht.node.node import Node
from tests.dht.node.peers import alone, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dht.node.udp import Address

BOTH = (("127.0.0.1", 0), ("::1", 0))
EXTERNAL = "203.0.113.9"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host(alone())
    host.open(lambda _: (None, None), serves=True)
    yield host
    host.close()


def vote(host: Host, address: str, voters: range, start: float = 10.0) -> None:
    """Nodes of so many networks say where they see us, a second apart."""
    for n in voters:
        host.observed(host.ports[0], (f"198.51.{n}.1", 6881), (address, 6881), start + n)


# Our address.


async def test_a_key_that_our_address_proves_is_taken_once_enough_agree(host: Host) -> None:
    port = host.ports[0]
    before = port.engine.own
    vote(host, EXTERNAL, range(2))
    assert (port.engine.own, host.external) == (before, None)
    vote(host, EXTERNAL, range(2, 4))
    assert host.external == EXTERNAL
    assert port.engine.own != before
    assert port.dialect.own == port.engine.own
    assert is_secure(port.engine.own, EXTERNAL)


async def test_a_good_key_is_kept(host: Host) -> None:
    vote(host, EXTERNAL, range(8))
    settled = host.ports[0].engine.own
    vote(host, EXTERNAL, range(8, 16))
    assert host.ports[0].engine.own == settled


async def test_a_new_address_is_followed(host: Host) -> None:
    vote(host, EXTERNAL, range(4))
    vote(host, "192.0.2.77", range(4, 20))
    assert host.external == "192.0.2.77"
    assert is_secure(host.ports[0].engine.own, "192.0.2.77")


async def test_a_minority_changes_nothing(host: Host) -> None:
    vote(host, EXTERNAL, range(8))
    settled = host.ports[0].engine.own
    vote(host, "192.0.2.77", range(8, 12))
    assert host.ports[0].engine.own == settled


@pytest.mark.parametrize("local", ["127.0.0.1", "10.1.2.3", "192.168.1.2"])
async def test_local_addresses_prove_nothing(host: Host, local: str) -> None:
    before = host.ports[0].engine.own
    for n in range(8):
        host.observed(host.ports[0], (f"10.2.{n}.1", 6881), (local, 6881), 10.0 + n)
    assert host.ports[0].engine.own == before


async def test_votes_are_not_counted_for_every_datagram(host: Host) -> None:
    """Counting takes as long as ten datagrams: only so often, but then rightly."""
    for n in range(20):
        host.observed(host.ports[0], (f"198.51.{n}.1", 1), (EXTERNAL, 1), 10.0)
    before = host.ports[0].engine.own
    host.observed(host.ports[0], ("198.51.77.1", 1), (EXTERNAL, 1), 11.0)
    assert host.ports[0].engine.own != before


# Two families.


async def test_both_families_listen_and_each_has_its_key() -> None:
    async with Node(alone(listen=BOTH)) as node:
        ports = node.statistics().ports
        assert [port.family for port in ports] == ["ipv4", "ipv6"]
        assert ports[0].key != ports[1].key


async def test_a_family_that_cannot_listen_is_left_out() -> None:
    async with (
        Node(alone(listen=(("::1", 0),))) as other,
        Node(alone(listen=(("127.0.0.1", 0), other.addresses[0]))) as node,
    ):
        assert [port.family for port in node.statistics().ports] == ["ipv4"]


def at(host: str) -> Address:
    return (host, 0)


async def test_what_is_put_on_both_families_is_got_on_either() -> None:
    """A verb of a node with both runs on both at once, and its evidence covers both."""
    six = at("::1")
    async with (
        Node(alone(listen=(at("127.1.1.1"), six))) as hub,
        Node(alone(listen=(at("127.1.2.1"), six), bootstrap=hub.addresses)) as both,
        Node(alone(listen=(at("127.1.3.1"),), bootstrap=hub.addresses)) as old,
        Node(alone(listen=(six,), bootstrap=hub.addresses)) as new,
    ):
        for node in (both, old, new):
            await node.wait_ready()
        await until(lambda: all(port.contacts for port in both.statistics().ports))
        stored = await both.put(b"hello")
        families = {contact.endpoint[0] for contact in stored.evidence.holders}
        assert {"127.1.1.1", "::1"} <= families
        for reader in (old, new):
            assert (await reader.get(stored)).value == b"hello"
        walked = await both.lookup(stored.key)
        target = MAINLINE_SPACE.from_bytes(stored.key)
        away = [contact.key ^ target for contact in walked.closest]
        assert away == sorted(away)
        assert walked.evidence.complete


async def test_contacts_of_the_other_family_cross_over() -> None:
    """Joining over IPv4 alone, a node hears of the IPv6 network too and gets into it (BEP 32)."""
    async with (
        Node(alone(listen=BOTH)) as hub,
        Node(alone(listen=BOTH[1:], bootstrap=hub.addresses)) as six,
    ):
        await six.wait_ready()
        await until(lambda: hub.statistics().ports[1].contacts == 1)
        async with Node(alone(listen=BOTH, bootstrap=hub.addresses[:1])) as node:
            await until(lambda: node.statistics().ports[1].contacts >= 1)
            (contact,) = node._living.host.ports[1].engine.table.contacts()
            assert contact.endpoint == six.addresses[0]
