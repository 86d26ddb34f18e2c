"""BEP 55: a peer that two others are connected to introduces them, so that both dial at once.

The initiator sends ``rendezvous`` naming the target; the relay answers both with ``connect``
naming the other, or the initiator with ``error``. Binary, big-endian: kind, family, address, port,
and an error code, which libtorrent leaves out of all but errors; so do we, and take both.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from dht.core.messages import message
from dht.mainline.compact import V4_PEER, V6_PEER, is_v6, pack_address, unpack_address
from torrent.errors import WireError

_CODE_SIZE: Final = 4
_WHAT: Final = "ut_holepunch message"


class HolepunchKind(IntEnum):
    """What a holepunch message asks for."""

    RENDEZVOUS = 0
    CONNECT = 1
    ERROR = 2


class HolepunchError(IntEnum):
    """Why the relay does not introduce; other numbers occur."""

    NONE = 0
    NO_SUCH_PEER = 1
    NOT_CONNECTED = 2
    NO_SUPPORT = 3
    NO_SELF = 4


@message
class Holepunch:
    """One step of an introduction; ``endpoint`` is the other's."""

    kind: HolepunchKind
    endpoint: tuple[str, int]
    error: int = HolepunchError.NONE


def read_holepunch(payload: bytes) -> Holepunch:
    """Read a ``ut_holepunch`` message.

    Raises:
        WireError: An unknown kind or family, a wrong length, or port 0.
    """
    kind, family, rest = payload[:1], payload[1:2], payload[2:]
    size = {b"\0": V4_PEER, b"\1": V6_PEER}.get(family)
    if size is None or not b"\0" <= kind <= b"\2":
        raise WireError(f"the peer's {_WHAT} is of an unknown kind or address family")
    what, code = HolepunchKind(kind[0]), rest[size:]
    if len(rest) < size or len(code) not in _code_sizes(what):
        raise WireError(f"the peer's {_WHAT} has {len(payload)} bytes, which its kind cannot have")
    endpoint = unpack_address(rest[:size])
    if not endpoint[1]:
        raise WireError(f"the peer's {_WHAT} names port 0")
    failed = what is HolepunchKind.ERROR
    return Holepunch(what, endpoint, int.from_bytes(code, "big") if failed else 0)


def _code_sizes(kind: HolepunchKind) -> tuple[int, ...]:
    return (_CODE_SIZE,) if kind is HolepunchKind.ERROR else (0, _CODE_SIZE)


def encode_holepunch(step: Holepunch) -> bytes:
    """The payload of a ``ut_holepunch`` message."""
    failed = step.kind is HolepunchKind.ERROR
    return (
        bytes((step.kind, is_v6(step.endpoint[0])))
        + pack_address(step.endpoint)
        + (step.error.to_bytes(_CODE_SIZE, "big") if failed else b"")
    )
