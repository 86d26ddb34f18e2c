"""One socket and its engine, seen from the wire by raw sockets."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.codec.bencode import decode, encode
from dht.core.commands import Ask
from dht.core.messages import Ping
from dht.core.policy import Timeouts
from dht.core.service import BUSY
from dht.errors import NoAnswer, Refused
from dht.mainline.compact import pack_address
from dht.node import udp
from dht.node.carrier import Singly
from dht.node.host import Host
from dht.node.limits import UNLIMITED, Limits
from dht.node.node import Node
from dht.node.udp import open_socket
from tests.dht.node.peers import ID, PATIENCE, SLOPPY_PING, alone, peer, query, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dht.node.udp import Address, Port

HASTY = Timeouts(short_initial=0.05, long_initial=0.1, forget_after=0.3)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A host whose port is open but not yet served by a task."""
    host = Host(alone(limits=UNLIMITED))
    host.open(lambda _: (None, None), serves=True)
    yield host
    host.close()


# Sockets.


def test_an_ipv4_socket_does_not_block_and_asks_for_room() -> None:
    with open_socket(("127.0.0.1", 0)) as sock:
        assert not sock.getblocking()
        plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with plain:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= plain.getsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF
            )


def test_an_ipv6_socket_takes_ipv6_only() -> None:
    with open_socket(("::1", 0)) as sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_taken_address_leaves_no_socket_behind() -> None:
    with open_socket(("127.0.0.1", 0)) as sock, pytest.raises(OSError, match="in use"):
        open_socket(sock.getsockname())


# Answering.


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_ping_is_answered_with_our_id_and_the_address_it_came_from(host: str) -> None:
    async with Node(alone(listen=((host, 0),))) as node:
        with peer(node.addresses[0]) as stranger:
            answer = await stranger.ask(query())
            assert answer[b"t"] == b"aa"
            assert answer[b"y"] == b"r"
            assert answer[b"r"][b"id"] == node.key
            assert answer[b"ip"] == pack_address(stranger.address)


async def test_garbage_is_dropped_and_serving_goes_on() -> None:
    garbage = (b"", b"x", b"d1:y1:qe", b"\xff" * 1500, b"i1e", b"d" * 3000, encode({b"y": b"r"}))
    async with Node(alone()) as node:
        with peer(node.addresses[0]) as stranger:
            await stranger.send(*garbage)
            assert (await stranger.ask(query()))[b"y"] == b"r"
        assert node.statistics().ports[0].received == len(garbage) + 1


async def test_a_malformed_query_is_told_so() -> None:
    async with Node(alone()) as node:
        with peer(node.addresses[0]) as stranger:
            answer = await stranger.ask(query(b"find_node"))
            assert answer[b"y"] == b"e"
            assert answer[b"e"][0] == 203


async def test_a_query_with_its_keys_out_of_order_is_answered() -> None:
    async with Node(alone()) as node:
        with peer(node.addresses[0]) as stranger:
            assert (await stranger.ask(SLOPPY_PING))[b"t"] == b"zz"


async def test_a_stranger_is_pinged_back_before_it_is_believed() -> None:
    async with Node(alone()) as node:
        with peer(node.addresses[0]) as stranger:
            await stranger.send(query())
            messages = [await stranger.hear(), await stranger.hear()]
            ours = next(message for message in messages if message[b"y"] == b"q")
            assert node.statistics().contacts == 0
            body: Any = {b"t": ours[b"t"], b"y": b"r", b"r": {b"id": ID}}
            # Its answer makes it a contact; the next ping is only there to be waited for.
            await stranger.send(encode(body))
            await stranger.ask(query(number=b"bb"))
            assert node.statistics().contacts == 1


# Limits.

TIGHT = Limits(source_rate=0.001, source_burst=3.0)


@pytest.mark.parametrize("ping", [query(), SLOPPY_PING])
async def test_who_floods_is_throttled_while_another_is_served(ping: bytes) -> None:
    async with Node(alone(limits=TIGHT)) as node:
        address = node.addresses[0]
        with peer(address, "127.0.0.2") as flooder, peer(address, "127.0.0.3") as other:
            await flooder.send(*[ping] * 50)
            answers = [await other.ask(query(number=b"%d" % n)) for n in range(3)]
            assert [answer[b"t"] for answer in answers if answer[b"y"] == b"r"]
            served = 0
            with trio.move_on_after(0):
                while True:
                    served += (await flooder.hear())[b"y"] == b"r"
        assert node.statistics().ports[0].throttled == 47
        assert served <= 3


async def test_one_64_is_one_source() -> None:
    async with Node(alone(listen=(("::1", 0),), limits=TIGHT)) as node:
        with peer(node.addresses[0]) as one, peer(node.addresses[0]) as two:
            await one.send(*[query()] * 3)
            await two.send(query(number=b"no"), SLOPPY_PING)
            assert (await one.heard_until(b"aa"))[-1] == b"aa"
            with trio.fail_after(PATIENCE):
                while node.statistics().ports[0].throttled < 2:
                    await trio.lowlevel.checkpoint()


async def test_answers_to_our_own_calls_are_never_throttled() -> None:
    async with Node(alone()) as asked, Node(alone(limits=TIGHT)) as asking:
        for _ in range(20):
            assert (await asking.ping(asked.addresses[0])).key == asked.key
        assert asking.statistics().ports[0].throttled == 0


async def test_signature_checks_have_a_budget() -> None:
    signer = Ed25519PrivateKey.generate()
    async with (
        Node(alone(limits=Limits(verifications=0))) as node,
        Node(alone(bootstrap=node.addresses, mode="client")) as writer,
    ):
        with pytest.raises(Refused) as caught:
            await writer.publish(signer, b"value", seq=1)
        assert caught.value.code == BUSY
        assert (await writer.put(b"no signature to check")).copies == 1


# Batches.


async def test_a_flood_leaves_room_for_other_tasks(host: Host) -> None:
    """More than four batches wait before the task starts; between them others get their turn.

    Two batches may fall between two turns of ours, since trio shuffles the tasks of each round.
    """
    port = host.ports[0]
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    with peer(port.address) as stranger:
        await stranger.send(*[b"x"] * (4 * udp._BATCH + 5))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count_turns)
            nursery.start_soon(port.run)
            while port.received < 4 * udp._BATCH + 5:
                before = port.received
                await trio.lowlevel.checkpoint()
                assert port.received - before <= 2 * udp._BATCH
            nursery.cancel_scope.cancel()
    assert turns >= 3


async def test_a_port_can_be_cancelled_while_it_sleeps(host: Host) -> None:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.ports[0].run)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


async def test_closing_ends_the_task_and_frees_the_address(host: Host) -> None:
    port = host.ports[0]
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.run)
            await trio.testing.wait_all_tasks_blocked()
            port.close()
            port.close()
    open_socket(port.address).close()


# Calls.


async def test_a_call_moves_the_deadline_of_the_sleeping_task() -> None:
    """Nothing is due in an idle port: without that its timeout would never be noticed."""
    async with Node(alone(policy={"timeouts": HASTY})) as node:
        await trio.testing.wait_all_tasks_blocked()
        with silent() as nobody, trio.fail_after(PATIENCE):
            with pytest.raises(NoAnswer) as caught:
                await node.ping(nobody.getsockname())
            assert caught.value.evidence.silent == 1


@pytest.mark.parametrize(
    "address",
    [
        ("127.0.0.1", 0),  # the system refuses to send there
        ("::1", 9),  # not of this family
        ("not an address", 9),
    ],
)
async def test_what_cannot_be_sent_fails_at_once(host: Host, address: Address) -> None:
    """With nobody serving the port there is no timeout either: the end must come by itself."""
    errand = host.begin(lambda number, _: Ask(number, address, Ping()))
    with trio.fail_after(PATIENCE):
        evidence = await errand.wait()
    assert (evidence.requests, evidence.answered) == (1, 0)
    assert host.ports[0].sent == 0


async def test_a_full_buffer_loses_the_datagram_and_nothing_else(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel will not fill a loopback buffer on demand, so its answer is given for it."""
    port: Port = host.ports[0]

    def full(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(port, "_sendto", full)
    with peer(port.address) as stranger:
        host.begin(lambda number, _: Ask(number, stranger.address, Ping()))
        assert host.operations == 1  # it waits for its timeout, as for any lost datagram
        await stranger.send(query(), query(b"find_node"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.run)
            with trio.fail_after(PATIENCE):
                while port.unsent < 4:  # call, reply, error, and the ping back
                    await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert port.sent == 0


async def test_errors_reported_on_receiving_are_skipped(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some systems report the ICMP error of an earlier datagram on the next receive."""
    port = host.ports[0]

    class Grumbling:
        """A receiver that first reports such an error."""

        def __init__(self) -> None:
            self.grumbled = False

        def recvfrom(self, size: int) -> tuple[bytes, Address]:
            if not self.grumbled:
                self.grumbled = True
                raise ConnectionRefusedError(111, "Connection refused")
            return port._sock.recvfrom(size)

    monkeypatch.setattr(port, "_carrier", Singly(Grumbling().recvfrom, port._sendto))
    with peer(port.address) as stranger:
        await stranger.send(query())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.run)
            assert (await stranger.hear())[b"y"] == b"r"
            nursery.cancel_scope.cancel()
    assert port.received == 2


async def test_the_time_of_the_last_question_is_known(host: Host) -> None:
    port = host.ports[0]
    assert port.asked_at is None
    with peer(port.address) as stranger:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.run)
            before = trio.current_time()
            await stranger.ask(query())
            nursery.cancel_scope.cancel()
    assert port.asked_at is not None
    assert before <= port.asked_at <= trio.current_time()


def test_queries_of_this_dialect_end_as_the_limiter_expects() -> None:
    assert query().endswith(udp._QUERY_END)
    assert not SLOPPY_PING.endswith(udp._QUERY_END)
    assert decode(SLOPPY_PING) is None  # it really is out of order
