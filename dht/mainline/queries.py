"""Queries: the requests of the core as KRPC's methods and arguments, both ways.

Reading is lenient about what is optional (a ``want`` of the wrong type is no ``want``) and strict
about what is not: a reader returns ``None`` when a required argument is missing or malformed,
and the sender gets error 203. Writing is for our own requests and trusts them.

A method nobody has heard of is answered as ``find_node`` if it names a target, so that new
methods can walk through old nodes (libtorrent's "forward compatibility" rule, which BEP 51 relies
on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast

from dht.codec.bencode import Envelope, encode, raw_item
from dht.core.messages import (
    Announce,
    FindNode,
    Get,
    Ping,
    Provider,
    Providers,
    Put,
    Record,
    Sample,
)
from dht.mainline.compact import KEY_SIZE, Address, key_from
from dht.mainline.items import MAX_SEQ, immutable_key, mutable_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from dht.core.keys import Key
    from dht.core.messages import Request

N4: Final = 1
N6: Final = 2
NO_SEEDS: Final = 4
"""Flags of what an answer shall hold: BEP 32's ``n4`` and ``n6``, BEP 33's ``noseed``."""

FAMILIES: Final = (
    frozenset[str](),
    frozenset({"ipv4"}),
    frozenset({"ipv6"}),
    frozenset({"ipv4", "ipv6"}),
)
"""The families that each combination of N4 and N6 names."""

MAX_TICKET: Final = 128
"""Bytes of a token we carry back. Those in use have 4 to 20; a greedy one would only inflate our
own datagrams."""

Reader: TypeAlias = "Callable[[Envelope, bytes, Address, frozenset[str]], Request | None]"
"""From arguments, datagram, source and families wanted to the request."""


def read_asked(args: Envelope, family: int) -> int:
    """The flags of what the answer to a query shall hold.

    Without a ``want`` that names a family we know (BEP 32: others are "silently ignored"), that
    is the contacts of the ``family`` the query came by.
    """
    want = args.get(b"want")
    named = want if type(want) is list else ()
    asked = (N4 if b"n4" in named else 0) | (N6 if b"n6" in named else 0)
    return (asked or family) | (NO_SEEDS if args.get(b"noseed") == 1 else 0)


def _integer(args: Envelope, name: bytes) -> int | None:
    """A sequence number: within 63 bits and not negative, else as good as absent."""
    value = args.get(name)
    return value if type(value) is int and 0 <= value <= MAX_SEQ else None


def _string(args: Envelope, name: bytes) -> bytes:
    """A string; anything else is as good as an empty one."""
    value = args.get(name)
    return value if type(value) is bytes else b""


def _read_ping(_args: Envelope, _data: bytes, _from: Address, _want: frozenset[str]) -> Ping:
    """BEP 5: ``{"id"}``. Nothing to read: the id was read before."""
    return Ping()


def _read_find_node(
    args: Envelope, _data: bytes, _from: Address, want: frozenset[str]
) -> FindNode | None:
    """BEP 5: ``{"id", "target"}``, BEP 32: ``"want"``."""
    target = args.get(b"target")
    if type(target) is bytes and len(target) == KEY_SIZE:
        return FindNode(key_from(target), want)
    return None


def _read_get(args: Envelope, _data: bytes, _from: Address, want: frozenset[str]) -> Get | None:
    """BEP 44: ``{"id", "target", "seq"}``. The salt does not travel: it is part of the target.

    Of ``seq``, "an item's value should only be sent if its sequence number is greater".
    """
    target = args.get(b"target")
    if type(target) is bytes and len(target) == KEY_SIZE:
        seq = _integer(args, b"seq") if b"seq" in args else None
        return Get(key_from(target), seq, b"", want)
    return None


def _read_get_peers(
    args: Envelope, _data: bytes, _from: Address, want: frozenset[str]
) -> Providers | None:
    """BEP 5: ``{"id", "info_hash"}``, BEP 33: ``"scrape"`` (and ``"noseed"``, read elsewhere)."""
    target = args.get(b"info_hash")
    if type(target) is bytes and len(target) == KEY_SIZE:
        return Providers(key_from(target), args.get(b"scrape") == 1, want)
    return None


def _read_announce(
    args: Envelope, _data: bytes, source: Address, _want: frozenset[str]
) -> Announce | None:
    """BEP 5: ``{"id", "info_hash", "port", "token", "implied_port"}``, BEP 33: ``"seed"``.

    The peer is always at the address the query comes from: a token proves no other. With a
    non-zero ``implied_port`` its port is that of the query too, which is right behind a NAT.
    """
    target, port = args.get(b"info_hash"), args.get(b"port")
    if args.get(b"implied_port") not in (None, 0):
        port = source[1]
    if type(target) is not bytes or len(target) != KEY_SIZE:
        return None
    if type(port) is not int or not 0 < port < 0x10000:  # noqa: PLR2004
        return None
    provider = Provider((source[0], port), args.get(b"seed") == 1)
    return Announce(key_from(target), provider, _string(args, b"token"))


def _read_sample(
    args: Envelope, _data: bytes, _from: Address, want: frozenset[str]
) -> Sample | None:
    """BEP 51: ``{"id", "target"}``. The target only chooses the contacts of the answer."""
    target = args.get(b"target")
    if type(target) is bytes and len(target) == KEY_SIZE:
        return Sample(key_from(target), want)
    return None


def _read_put(args: Envelope, data: bytes, _from: Address, _want: frozenset[str]) -> Put | None:
    """BEP 44: ``{"id", "token", "v"}``, and if mutable ``{"k", "salt", "seq", "sig", "cas"}``.

    The key is not in the message: it follows from ``k`` and ``salt``, or from ``v``.

    What is of the wrong type or length is kept as it can be kept, so that the record rules find
    it wanting with the right error code.
    """
    value = raw_item(data, args, b"a")
    if value is None:
        return None
    token, cas = _string(args, b"token"), _integer(args, b"cas")
    if b"k" not in args and b"sig" not in args:
        return Put(Record(immutable_key(value), value), token, cas)
    public, salt, seq = _string(args, b"k"), _string(args, b"salt"), _integer(args, b"seq")
    if seq is None:
        return None
    key = mutable_key(public, salt)
    return Put(Record(key, value, seq, public, salt, _string(args, b"sig")), token, cas)


def _read_unknown(
    args: Envelope, _data: bytes, _from: Address, want: frozenset[str]
) -> FindNode | None:
    """A method we do not know, read as ``find_node`` if it names a place to look."""
    for name in (b"target", b"info_hash"):
        target = args.get(name)
        if type(target) is bytes and len(target) == KEY_SIZE:
            return FindNode(key_from(target), want)
    return None


READERS: Final[dict[bytes, tuple[Reader, bool]]] = {
    b"ping": (_read_ping, False),
    b"find_node": (_read_find_node, True),
    b"get_peers": (_read_get_peers, True),
    b"announce_peer": (_read_announce, False),
    b"get": (_read_get, True),
    b"put": (_read_put, False),
    b"sample_infohashes": (_read_sample, True),
}
"""Each method's reader, and whether its answer lists contacts."""

UNKNOWN: Final[tuple[Reader, bool]] = (_read_unknown, True)


# Writing. A writer fills in the arguments; what has to be inserted as it is comes back as bytes
# that go to the end of them (``v``, whose name sorts last).


def _key(key: Key) -> bytes:
    """A key as it travels: 20 bytes, the most significant first."""
    return key.to_bytes(KEY_SIZE, "big")


def _write_want(args: Envelope, families: frozenset[str]) -> None:
    """BEP 32's ``want``, unless the default will do: ``n4`` for "ipv4", ``n6`` for "ipv6"."""
    if families:
        args[b"want"] = [b"n" + family[-1:].encode() for family in sorted(families)]


def _write_ping(_request: Ping, _args: Envelope) -> bytes:
    """An id and nothing else."""
    return b""


def _write_find_node(request: FindNode | Sample, args: Envelope) -> bytes:
    """A target; ``sample_infohashes`` looks the same."""
    args[b"target"] = _key(request.target)
    _write_want(args, request.families)
    return b""


def _write_get(request: Get, args: Envelope) -> bytes:
    """A target, and the version we have."""
    args[b"target"] = _key(request.key)
    if request.min_seq is not None:
        args[b"seq"] = request.min_seq
    _write_want(args, request.families)
    return b""


def _write_get_peers(request: Providers, args: Envelope) -> bytes:
    """An infohash, which any key may be."""
    args[b"info_hash"] = _key(request.key)
    if request.scrape:
        args[b"scrape"] = 1
    _write_want(args, request.families)
    return b""


def _write_announce(request: Announce, args: Envelope) -> bytes:
    """Port 0 stands for "whatever my packets come from" (BEP 5's ``implied_port``)."""
    port = cast("Address", request.provider.endpoint)[1]
    args[b"info_hash"] = _key(request.key)
    args[b"port"] = port
    args[b"token"] = request.ticket
    if not port:
        args[b"implied_port"] = 1
    if request.provider.seed:
        args[b"seed"] = 1
    return b""


def _write_put(request: Put, args: Envelope) -> bytes:
    """An item. Its value is inserted as it is: encoding it anew might break the signature.

    ``cas`` is for mutable items alone, and whether this holder should get one at all ("SHOULD NOT
    be included" if it had no value) the core has decided.
    """
    record = request.record
    args[b"token"] = request.ticket
    if record.seq is not None:
        args[b"k"] = record.signer
        args[b"seq"] = record.seq
        args[b"sig"] = record.signature
        if record.salt:
            args[b"salt"] = record.salt
        if request.cas is not None:
            args[b"cas"] = request.cas
    return b"1:v" + record.value


_WRITERS: Final[dict[type, tuple[bytes, Callable[..., bytes]]]] = {
    Ping: (b"1:q4:ping", _write_ping),
    FindNode: (b"1:q9:find_node", _write_find_node),
    Providers: (b"1:q9:get_peers", _write_get_peers),
    Announce: (b"1:q13:announce_peer", _write_announce),
    Get: (b"1:q3:get", _write_get),
    Put: (b"1:q3:put", _write_put),
    Sample: (b"1:q17:sample_infohashes", _write_find_node),
}


def write_query(request: Request, own: bytes) -> bytes | None:
    """The ``a`` and ``q`` entries of a query by the node ``own``.

    ``None`` for a write without a ticket: no node of this network would take it.
    """
    if isinstance(request, Put | Announce) and request.ticket is None:
        return None
    method, write = _WRITERS[type(request)]
    args: Envelope = {b"id": own}
    last = write(request, args)
    return b"".join((b"1:a", encode(args)[:-1], last, b"e", method))
