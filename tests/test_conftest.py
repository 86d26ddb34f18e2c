"""The guard itself is tested: a guard that lets everything pass looks just like one that works."""

from __future__ import annotations

import socket

import pytest
import trio

from tests.conftest import LeftLoopbackError, stays_here


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.3.4.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("::ffff:192.0.2.1", False),
        ("router.example", False),
    ],
)
def test_what_stays_here(host: str, here: bool) -> None:  # noqa: FBT001
    assert stays_here(host) is here


def test_a_datagram_beyond_loopback_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(LeftLoopbackError):
            sock.sendto(b"x", ("192.0.2.1", 9))
        with pytest.raises(LeftLoopbackError):
            sock.sendto(b"x", 0, ("192.0.2.1", 9))
        with pytest.raises(LeftLoopbackError):
            sock.sendmsg([b"x"], [], 0, ("192.0.2.1", 9))


def test_a_datagram_to_many_is_refused_unless_its_socket_sends_on_loopback() -> None:
    group = ("239.192.152.143", 9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(LeftLoopbackError):
            sock.sendto(b"x", group)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        assert sock.sendto(b"x", group) == 1
        with pytest.raises(LeftLoopbackError):
            sock.sendto(b"x", ("192.0.2.1", 9))


def test_a_connection_beyond_loopback_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(LeftLoopbackError):
            sock.connect(("192.0.2.1", 9))
        with pytest.raises(LeftLoopbackError):
            sock.connect_ex(("192.0.2.1", 9))


def test_no_name_server_is_asked() -> None:
    with pytest.raises(LeftLoopbackError):
        socket.getaddrinfo("router.example", 6881)
    assert socket.getaddrinfo("127.0.0.1", 6881)


def test_loopback_works_as_ever() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        one.bind(("127.0.0.1", 0))
        other.bind(("127.9.9.1", 0))
        one.sendto(b"hello", other.getsockname())
        assert other.recvfrom(10) == (b"hello", one.getsockname())


async def test_trio_sockets_are_guarded_too() -> None:
    with (
        trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(LeftLoopbackError),
    ):
        await sock.sendto(b"x", ("192.0.2.1", 9))
