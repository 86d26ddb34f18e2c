"""BEP 11: peers tell each other whom they are connected to, and whom no longer.

Addresses come in the compact form of trackers, each family under keys of its own. "Clients should
batch updates to send no more than 1 PEX message per minute", with at most 50 peers added and 50
dropped, the first message excepted; libtorrent sends 100. How often, is the swarm's to watch; how
many, is capped here: what is beyond the first hundred of a field is not even looked at.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Final, TypeAlias

from dht.codec.bencode import encode
from dht.core.messages import message
from dht.mainline.compact import V4_PEER, V6_PEER, Scope, is_v6, pack_address, scope, unpack_address
from torrent.core.wire.fields import read_fields, string
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.codec.bencode import Envelope

Endpoint: TypeAlias = tuple[str, int]

MAX_PEERS: Final = 100
"""Read from each field: so a message adds at most 200 peers and drops at most 200."""

_WHAT: Final = "ut_pex message"


class PexFlag(IntFlag):
    """What BEP 11 says of an added peer, in one byte."""

    ENCRYPTION = 0x01
    SEED = 0x02
    UTP = 0x04
    HOLEPUNCH = 0x08
    OUTGOING = 0x10
    """"We connected to it", so it can be reached."""


@message
class Pex:
    """Changes since the last such message.

    Attributes:
        added: Endpoint and flags (:class:`PexFlag`, and whatever else the sender set).
        dropped: Endpoints.
    """

    added: tuple[tuple[Endpoint, int], ...] = ()
    dropped: tuple[Endpoint, ...] = ()


def read_pex(payload: bytes) -> Pex:
    """Read a ``ut_pex`` message.

    Endpoints that can be nobody's (port 0, multicast and the like) are left out. Private ones are
    in: whether to believe them depends on where the sender is, which the swarm knows.

    Raises:
        WireError: It is no dictionary, or a field is not a whole number of peers.
    """
    fields = read_fields(payload, _WHAT)
    added: list[tuple[Endpoint, int]] = []
    for key, size in ((b"added", V4_PEER), (b"added6", V6_PEER)):
        peers = _peers(fields, key, size)
        flags = string(fields, key + b".f", _WHAT)[:MAX_PEERS].ljust(len(peers), b"\0")
        added += zip(peers, flags, strict=False)
    dropped = _peers(fields, b"dropped", V4_PEER) + _peers(fields, b"dropped6", V6_PEER)
    return Pex(
        tuple((peer, flags) for peer, flags in added if _possible(peer)),
        tuple(filter(_possible, dropped)),
    )


def _peers(fields: Envelope, key: bytes, size: int) -> list[Endpoint]:
    """The first peers under ``key``, each of ``size`` bytes."""
    compact = string(fields, key, _WHAT)
    if len(compact) % size:
        raise WireError(f"the peer's {_WHAT} has a `{key.decode()}` that ends inside an address")
    end = min(len(compact), MAX_PEERS * size)
    return [unpack_address(compact[at : at + size]) for at in range(0, end, size)]


def _possible(peer: Endpoint) -> bool:
    return peer[1] > 0 and scope(peer[0]) > Scope.NOWHERE


def encode_pex(pex: Pex) -> bytes:
    """The payload of a ``ut_pex`` message; keep it to :data:`MAX_PEERS` of a kind."""
    fields: dict[bytes, bytes] = {}
    for six, suffix in ((False, b""), (True, b"6")):
        added = [entry for entry in pex.added if is_v6(entry[0][0]) is six]
        fields[b"added" + suffix] = _pack(peer for peer, _flags in added)
        fields[b"added" + suffix + b".f"] = bytes(flags for _peer, flags in added)
        fields[b"dropped" + suffix] = _pack(peer for peer in pex.dropped if is_v6(peer[0]) is six)
    return encode({key: value for key, value in fields.items() if value})


def _pack(peers: Iterable[Endpoint]) -> bytes:
    return b"".join(map(pack_address, peers))
