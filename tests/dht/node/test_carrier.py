"""Datagrams in and out: both carriers, and each as the oracle of the other."""

from __future__ import annotations

import errno
import select
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.mainline.compact import pack_address
from dht.node.carrier import BATCH, DATAGRAM, Carrier, Singly, carrier_of, source_of
from dht.node.udp import open_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

LINUX = sys.platform == "linux"
PATIENCE = 30.0


def singly(sock: socket.socket) -> Carrier:
    return Singly(sock.recvfrom, sock.sendto)


CARRIERS = [singly, *([carrier_of] if LINUX else [])]
HOSTS = ["127.0.0.1", "::1"]


class Side:
    """A socket and its carrier."""

    def __init__(self, stack: ExitStack, carry: Callable[..., Carrier], host: str) -> None:
        self.sock = stack.enter_context(open_socket((host, 0)))
        self.carrier = carry(self.sock)
        self.address: tuple[str, int] = self.sock.getsockname()[:2]

    def take(self, count: int) -> list[tuple[bytes, Any]]:
        """The next ``count`` datagrams, with the names of their senders."""
        taken: list[tuple[bytes, Any]] = []
        while len(taken) < count:
            readable, _, _ = select.select([self.sock], [], [], PATIENCE)
            assert readable, "no datagram came"
            datagrams, names = self.carrier.receive(BATCH)
            taken += zip(datagrams, names, strict=False)
        return taken


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("carry", CARRIERS)
@given(datagrams=st.lists(st.binary(max_size=1400), min_size=1, max_size=BATCH))
def test_what_one_sends_the_other_receives(
    carry: Callable[..., Carrier], host: str, datagrams: list[bytes]
) -> None:
    with ExitStack() as stack:
        one, other = Side(stack, carry, host), Side(stack, singly, host)
        for datagram in datagrams:
            other.sock.sendto(datagram, one.address)
        taken = one.take(len(datagrams))
        assert [data for data, _ in taken] == datagrams
        assert {one.carrier.source(name).address for _, name in taken} == {other.address}
        assert one.carrier.send(datagrams, [name for _, name in taken]) == len(datagrams)
        assert other.take(len(datagrams)) == [(data, one.address) for data in datagrams]


@pytest.mark.parametrize("carry", CARRIERS)
def test_each_reply_goes_where_it_is_named(carry: Callable[..., Carrier], stack: ExitStack) -> None:
    one = Side(stack, carry, "127.0.0.1")
    others = [Side(stack, singly, f"127.0.0.{n}") for n in range(2, 12)]
    for index, other in enumerate(others):
        other.sock.sendto(b"%d" % index, one.address)
    taken = sorted(one.take(len(others)))
    assert one.carrier.send([data * 9 for data, _ in taken], [name for _, name in taken]) == 10
    for index, other in enumerate(others):
        assert other.take(1) == [(b"%d" % index * 9, one.address)]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("carry", CARRIERS)
def test_a_name_tells_the_source(
    carry: Callable[..., Carrier], host: str, stack: ExitStack
) -> None:
    one, other = Side(stack, carry, host), Side(stack, singly, host)
    other.sock.sendto(b"x", one.address)
    ((_, name),) = one.take(1)
    source = one.carrier.source(name)
    assert source.address == other.address
    assert source.compact == pack_address(other.address)
    assert one.carrier.source(name) is source


@pytest.mark.parametrize("carry", CARRIERS)
def test_nothing_waits(carry: Callable[..., Carrier], stack: ExitStack) -> None:
    datagrams, _ = Side(stack, carry, "127.0.0.1").carrier.receive(BATCH)
    assert not datagrams


@pytest.mark.parametrize("carry", CARRIERS)
def test_no_more_is_taken_than_asked_for(carry: Callable[..., Carrier], stack: ExitStack) -> None:
    one, other = Side(stack, carry, "127.0.0.1"), Side(stack, singly, "127.0.0.1")
    for index in range(BATCH + 5):
        other.sock.sendto(b"%d" % index, one.address)
    sizes = [len(one.carrier.receive(most)[0]) for most in (3, BATCH + 1, BATCH)]
    assert sizes == [3, BATCH, 2]


@pytest.mark.parametrize("carry", CARRIERS)
def test_a_long_datagram_is_cut_and_the_next_is_whole(
    carry: Callable[..., Carrier], stack: ExitStack
) -> None:
    one, other = Side(stack, carry, "127.0.0.1"), Side(stack, singly, "127.0.0.1")
    for datagram in (b"a" * (DATAGRAM + 100), b"b" * DATAGRAM, b"", b"c"):
        other.sock.sendto(datagram, one.address)
    assert [data for data, _ in one.take(4)] == [b"a" * DATAGRAM, b"b" * DATAGRAM, b"", b"c"]


@pytest.mark.parametrize("carry", CARRIERS)
def test_what_the_system_refuses_is_lost_alone(
    carry: Callable[..., Carrier], stack: ExitStack
) -> None:
    """Too long for any datagram: the first, the middle and the last of five."""
    one, other = Side(stack, carry, "127.0.0.1"), Side(stack, singly, "127.0.0.1")
    other.sock.sendto(b"x", one.address)
    ((_, name),) = one.take(1)
    giant = bytes(70_000)
    assert one.carrier.send([giant, b"1", giant, b"2", giant], [name] * 5) == 2
    assert [data for data, _ in other.take(2)] == [b"1", b"2"]


@pytest.mark.parametrize("carry", CARRIERS)
def test_a_closed_socket_says_so_and_sends_nothing(
    carry: Callable[..., Carrier], stack: ExitStack
) -> None:
    one, other = Side(stack, carry, "127.0.0.1"), Side(stack, singly, "127.0.0.1")
    other.sock.sendto(b"x", one.address)
    ((_, name),) = one.take(1)
    one.sock.close()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        one.carrier.receive(BATCH)
    assert caught.value.errno == errno.EBADF
    assert one.carrier.send([b"1", b"2"], [name] * 2) == 0


def test_an_error_ends_a_batch_or_comes_alone() -> None:
    """Some systems report the ICMP error of an earlier datagram on the next receive."""
    events: list[Any] = [(b"1", ("h", 1)), ConnectionRefusedError(), ConnectionRefusedError()]

    def recvfrom(_: int) -> tuple[bytes, Any]:
        event = events.pop(0)
        if isinstance(event, OSError):
            raise event
        result: tuple[bytes, Any] = event
        return result

    carrier = Singly(recvfrom, lambda *_: 0)
    assert carrier.receive(BATCH) == ([b"1"], [("h", 1)])
    with pytest.raises(ConnectionRefusedError):
        carrier.receive(BATCH)


def test_other_systems_take_one_at_a_time(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "somewhere")
    sock = stack.enter_context(open_socket(("127.0.0.1", 0)))
    assert isinstance(carrier_of(sock), Singly)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::1", "::2", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_a_host_pays_for_itself_and_a_64_together(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    payers = {source_of(pack_address((host, port))).payer for host, port in ((one, 1), (other, 2))}
    assert (len(payers) == 1) is same
