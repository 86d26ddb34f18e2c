"""Opening TCP streams: listening, accepting, dialling, and the handshake of who comes to us."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.wire import read_handshake
from torrent.errors import SessionError, WireError

if TYPE_CHECKING:
    from torrent.core.wire import Handshake

Endpoint = tuple[str, int]

HANDSHAKE: Final = 68
"""Bytes of a BitTorrent handshake (BEP 3)."""
_BACKLOG: Final = 128
_PATIENCE: Final = 10.0
"""Seconds a stranger has for connecting, and for saying who it is."""


def listen(address: Endpoint) -> socket.socket:
    """Open a socket that accepts streams at ``address``.

    Raises:
        OSError: It cannot be.
    """
    sock = _open(address)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def listen_all(addresses: tuple[Endpoint, ...], usual: int = 0) -> list[socket.socket]:
    """Listen at each address that works; those that leave the port open share one, if they can.

    Args:
        addresses: Hosts and ports.
        usual: The port to try first where it is left open.

    Raises:
        SessionError: None works.
    """
    sockets: list[socket.socket] = []
    reasons = []
    for host, port in addresses:
        shared = sockets[0].getsockname()[1] if sockets else usual
        for choice in dict.fromkeys((port or shared, port)):
            try:
                sockets.append(listen((host, choice)))
                break
            except OSError as error:
                reasons.append(f"{host} port {choice}: {error.strerror}")
    if not sockets and addresses:
        raise SessionError(
            f"cannot listen for peers: {'; '.join(reasons)}; choose another address or port "
            "(0 lets the system choose)"
        )
    return sockets


async def accept(listener: socket.socket) -> tuple[socket.socket, Endpoint]:
    """Wait for somebody to connect.

    Raises:
        trio.ClosedResourceError: The listener was closed.
    """
    while True:
        await trio.lowlevel.wait_readable(listener)
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                await trio.sleep(0.1)  # Out of descriptors: whoever waits can wait a little longer.
            continue
        _prepare(sock)
        return sock, address[:2]


async def dial(endpoint: Endpoint) -> socket.socket:
    """Connect to ``endpoint``.

    Raises:
        OSError: It did not work, or took too long.
    """
    sock = _open(endpoint)
    connected = False
    try:
        with trio.fail_after(_PATIENCE):
            await _connect(sock, endpoint)
        connected = True
    except trio.TooSlowError:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
    finally:
        if not connected:
            sock.close()
    return sock


async def _connect(sock: socket.socket, endpoint: Endpoint) -> None:
    failure = sock.connect_ex(endpoint)
    if failure == errno.EINPROGRESS:
        await trio.lowlevel.wait_writable(sock)
        failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failure:
        raise OSError(failure, os.strerror(failure))


async def greet(sock: socket.socket) -> Handshake | None:
    """Read the handshake of who connected to us; ``None`` if it is none, or took too long.

    Nothing is said before: whoever cannot name a torrent of ours learns nothing.
    """
    data = bytearray()
    with trio.move_on_after(_PATIENCE):
        while len(data) < HANDSHAKE:
            try:
                more = sock.recv(HANDSHAKE - len(data))
            except BlockingIOError:
                await trio.lowlevel.wait_readable(sock)
                continue
            except OSError:
                return None
            if not more:
                return None
            data += more
        try:
            return read_handshake(data)
        except WireError:
            return None
    return None


def _open(address: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    _prepare(sock)
    return sock


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)  # noqa: FBT003 - the standard library's own
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
