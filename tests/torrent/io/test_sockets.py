"""Streams opened and refused, by real sockets on loopback."""

from __future__ import annotations

import errno
import os
import resource
import socket
import struct
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.waiting import pass_time
from torrent.core.wire import Handshake, encode
from torrent.errors import SessionError
from torrent.io.sockets import HANDSHAKE, accept, dial, greet, listen, listen_all

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = ("127.0.0.1", 0)
HELLO = Handshake(b"i" * 20, b"p" * 20, bytes(8))
RESET = struct.pack("ii", 1, 0)


@contextmanager
def listening(address: tuple[str, int] = HERE) -> Iterator[socket.socket]:
    with closing(listen(address)) as listener:
        yield listener


@contextmanager
def joined() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a stream; ours does not block."""
    with listening() as listener, socket.create_connection(listener.getsockname()) as other:
        listener.settimeout(None)
        ours, _ = listener.accept()
        ours.settimeout(0)
        with closing(ours):
            yield ours, other


# Listening.


def test_families_share_a_port() -> None:
    """Peers are told one port (BEP 10's and the DHT's), whatever family they come by."""
    sockets = listen_all((HERE, ("::1", 0)))
    ports = {sock.getsockname()[1] for sock in sockets}
    for sock in sockets:
        sock.close()
    assert len(sockets) == 2
    assert len(ports) == 1


def test_a_family_whose_port_is_taken_gets_another() -> None:
    with listening(("::1", 0)) as taken:
        port = taken.getsockname()[1]
        sockets = listen_all((("127.0.0.1", port), ("::1", 0)))
        ports = [sock.getsockname()[1] for sock in sockets]
        for sock in sockets:
            sock.close()
    assert ports[0] == port
    assert ports[1] != port


def test_the_usual_port_is_tried_first_where_it_is_left_open() -> None:
    with listening() as free:
        usual = free.getsockname()[1]
    sockets = listen_all((HERE, ("::1", 0)), usual)
    try:
        assert {sock.getsockname()[1] for sock in sockets} == {usual}
        others = listen_all((HERE, ("::1", 0)), usual)
        ports = {sock.getsockname()[1] for sock in others}
        for sock in others:
            sock.close()
        assert len(ports) == 1, "taken: another one, but one for both"
        assert usual not in ports
    finally:
        for sock in sockets:
            sock.close()
    [typed] = listen_all((("127.0.0.1", next(iter(ports))),), usual)
    assert typed.getsockname()[1] in ports, "who typed a port gets that"
    typed.close()


def test_where_nothing_works_it_is_said() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SessionError, match=f"127.0.0.1 port {port}: Address already in use"):
            listen_all((("127.0.0.1", port),))
    assert listen_all(()) == []


# Accepting.


async def test_who_connects_is_accepted() -> None:
    with listening() as listener, socket.create_connection(listener.getsockname()) as other:
        sock, endpoint = await accept(listener)
        with closing(sock):
            assert endpoint == other.getsockname()
            assert not sock.getblocking()


async def test_a_process_out_of_descriptors_lets_its_callers_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    came: list[socket.socket] = []
    with listening() as listener, socket.create_connection(listener.getsockname()):

        async def take() -> None:
            came.append((await accept(listener))[0])

        async with trio.open_nursery() as nursery:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
            try:
                nursery.start_soon(take)
                await pass_time(1)
                assert not came
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
        came[0].close()


async def test_a_closed_listener_ends_the_waiting() -> None:
    with listening() as listener:
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await accept(listener)

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            trio.lowlevel.notify_closing(listener)


# Dialling.


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_somebody_answers(host: str) -> None:
    with listening((host, 0)) as listener, ExitStack() as stack:
        sock = stack.enter_context(closing(await dial(listener.getsockname()[:2])))
        assert sock.getpeername()[:2] == listener.getsockname()[:2]


async def test_nobody_listens() -> None:
    with listening() as listener:
        endpoint = listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        await dial(endpoint)


async def test_nobody_answers(autojump_clock: trio.testing.MockClock) -> None:
    """The queue of who waits to be accepted is full, so the system lets further callers ring."""
    with socket.socket() as listener:
        listener.bind(HERE)
        listener.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.settimeout(0)
            assert caller.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        with pytest.raises(TimeoutError, match=os.strerror(errno.ETIMEDOUT)):
            await dial(listener.getsockname())
        for caller in callers:
            caller.close()


# Greeting.


async def test_a_handshake_in_two_halves() -> None:
    data = encode(HELLO)
    with joined() as (ours, other):
        other.sendall(data[:30])
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                assert await greet(ours) == HELLO

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            other.sendall(data[30:] + b"what follows is left for the link")
        assert ours.recv(100) == b"what follows is left for the link"
    assert len(data) == HANDSHAKE


async def test_nonsense_is_no_handshake() -> None:
    with joined() as (ours, other):
        other.sendall(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n".ljust(HANDSHAKE))
        assert await greet(ours) is None


async def test_who_hangs_up_said_nothing() -> None:
    with joined() as (ours, other):
        other.sendall(encode(HELLO)[:67])
        other.close()
        assert await greet(ours) is None


async def test_who_breaks_off_said_nothing() -> None:
    with joined() as (ours, other):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        other.close()
        assert await greet(ours) is None


async def test_who_says_nothing_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    with joined() as (ours, _):
        assert await greet(ours) is None
    assert trio.current_time() > 5
