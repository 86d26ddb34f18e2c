"""KRPC: the messages of the core as datagrams of Mainline, both ways (BEP 5).

One :class:`Krpc` stands between one socket and one engine, and translates. It knows our id, the
transactions that are open and what a datagram may hold, and decides nothing: whether a ticket is
good or a contact worth keeping is the core's business.

Envelopes are read leniently. Optional fields of the wrong type count as absent; a query that
lacks what it needs is told so (203), one with an unknown method and no target as well (204); a
datagram that is not even a message gets no answer, since its source may be forged.

``decode_untrusted`` and ``encode_reply`` handle every packet of a busy node, so they are written
for speed: no closures, values made with positional arguments, replies joined from ready pieces.
The pieces exploit that bencode is canonical: the entries of an answer come in a fixed order,
``d 2:ip … 1:r d 2:id … 5:nodes … 5:token … e 1:t … 1:v … 1:y1:r e``. The contacts of a full bucket
are encoded once: the table hands out the identical tuple until the bucket changes.

Also here: BEP 42's ``ip`` (where we saw the sender, in every answer and error), BEP 43's ``ro``
(a read-only node marks its queries and answers none). BEP 45, several addresses per host, needs
nothing on the wire: each socket has its own ``Krpc``, engine, id and tickets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from dht.codec.bencode import Envelope, decode_untrusted
from dht.core.messages import Answer, Contact, Origin, Refusal, message
from dht.mainline.answers import (
    MAX_PLAIN,
    MAX_WITH_VALUE,
    read_answer,
    read_error,
    write_answer,
    write_contacts,
    write_reason,
)
from dht.mainline.compact import (
    KEY_SIZE,
    V4_PEER,
    V6_PEER,
    Address,
    Scope,
    key_from,
    pack_address,
    scope,
    unpack_address,
)
from dht.mainline.items import Code
from dht.mainline.policy import Family, MainlineContacts
from dht.mainline.queries import (
    FAMILIES,
    N4,
    N6,
    READERS,
    UNKNOWN,
    read_asked,
    write_query,
)
from dht.mainline.transactions import Transactions

if TYPE_CHECKING:
    from random import Random

    from dht.core.effects import Call
    from dht.core.keys import Key
    from dht.core.messages import Endpoint, Request, Response
    from dht.core.policy import Policy

VERSION: Final = b"dh\x00\x01"
"""BEP 5's ``v``: two letters for the client, two bytes for its version."""

MAX_DATAGRAM: Final = 8192
"""Longer ones are dropped unread. Nobody may send more than 1024 bytes (BEP 32); implementations
exist that send their whole table, some 4 kB."""

_MAX_TRANSACTION: Final = 64
"""Bytes of a ``t`` that we repeat; those in use have 2 to 8."""

_MAX_REMEMBERED: Final = 16
"""Encoded contact tuples remembered, some 6 kB: half of all targets fall into the first bucket, a
quarter into the second, so the first few are nearly all."""

_TRANSACTION: Final = tuple(b"1:t%d:" % n for n in range(_MAX_TRANSACTION + 1))
_TOKEN: Final = tuple(b"5:token%d:" % n for n in range(_MAX_TRANSACTION + 1))
_V: Final = b"1:v%d:%b" % (len(VERSION), VERSION)
_REPLY_END: Final = _V + b"1:y1:re"
_ERROR_END: Final = _V + b"1:y1:ee"
_QUERY_END: Final = _V + b"1:y1:qe"

_join: Final = b"".join
_NO_FAMILY: Final = FAMILIES[0]

Handle: TypeAlias = tuple[Address, bytes, int]
"""What a reply needs of its query: the source, ``t``, and flags of what was asked for."""


@message
class Incoming:
    """A message for the engine.

    Attributes:
        message: What was said.
        origin: Who said it.
        observed: Where an answerer saw us (BEP 42), if it told.
    """

    message: Request | Response
    origin: Origin
    observed: Endpoint | None


@message
class Rejected:
    """A query that the engine need not see: ``data`` is the error to send back."""

    data: bytes


class Krpc:
    """The translator of one socket.

    Args:
        own: Our key.
        rng: Draws transaction numbers; they are worth what it is worth.
        family: Of the socket.
        read_only: BEP 43: mark our queries, answer none.
        policy: Its contact rules say whether to believe contacts on private networks.
    """

    __slots__ = (
        "_address_size",
        "_encoded",
        "_family_flag",
        "_head",
        "_ip",
        "_own",
        "_own_bytes",
        "_plain",
        "_private",
        "_transactions",
        "read_only",
    )

    def __init__(
        self, own: Key, rng: Random, *, family: Family, read_only: bool = False, policy: Policy
    ) -> None:
        self.own = own
        self.read_only = read_only
        v6 = family == "ipv6"
        self._family_flag = N6 if v6 else N4
        self._plain = (self._family_flag, 0)
        self._address_size = V6_PEER if v6 else V4_PEER
        self._ip = b"d2:ip%d:" % self._address_size
        contacts = policy.contacts
        self._private = isinstance(contacts, MainlineContacts) and contacts.private_contacts
        self._transactions = Transactions(rng)
        # By identity. The tuple is kept beside its encoding, so no other can get its id.
        self._encoded: dict[int, tuple[tuple[Contact, ...], bytes]] = {}

    @property
    def own(self) -> Key:
        """Our key, which a changed external address changes (BEP 42)."""
        return self._own

    @own.setter
    def own(self, key: Key) -> None:
        self._own = key
        self._own_bytes = key.to_bytes(KEY_SIZE, "big")
        self._head = b"1:rd2:id20:" + self._own_bytes

    # In.

    def decode_untrusted(self, data: bytes, address: Address) -> Incoming | Rejected | None:
        """Read a datagram from ``address``.

        Returns:
            A message for the engine, an error to send back, or ``None`` if there is nothing
            worth doing: garbage, an answer to nothing we asked, a query while read-only.
        """
        if len(data) > MAX_DATAGRAM or not address[1]:
            return None
        envelope = decode_untrusted(data)
        if envelope is None:
            return None
        message: Incoming | Rejected | None = None
        kind = envelope.get(b"y")
        if kind == b"q" and not self.read_only:
            message = self._read_query(envelope, data, address)
        elif kind == b"r":
            message = self._read_answer(envelope, data, address)
        elif kind == b"e":
            message = self._read_error(envelope, address)
        return message

    def _read_query(
        self, envelope: Envelope, data: bytes, address: Address
    ) -> Incoming | Rejected | None:
        """Read a query, the commonest of messages; what is common in it comes first."""
        # Without a number to repeat, no reply could be told from any other: there is none.
        number = envelope.get(b"t")
        if type(number) is not bytes or len(number) > _MAX_TRANSACTION:
            return None
        args, method = envelope.get(b"a"), envelope.get(b"q")
        if type(args) is not dict or type(method) is not bytes:
            return self._reject(number, address, Code.PROTOCOL, "a or q is missing")
        sender = args.get(b"id")
        if type(sender) is not bytes or len(sender) != KEY_SIZE:
            return self._reject(number, address, Code.PROTOCOL, "id is not 20 bytes")
        # What the answer shall hold. Pings and writes are answered by an id alone; of the others
        # hardly any says what it wants, since the family it comes by is the default (BEP 32).
        read, lists_contacts = READERS.get(method, UNKNOWN)
        asked, families = self._family_flag if lists_contacts else 0, _NO_FAMILY
        if asked and (b"want" in args or b"noseed" in args):
            asked = read_asked(args, asked)
            families = FAMILIES[asked & (N4 | N6)]
        request = read(args, data, address, families)
        if request is None:
            if method in READERS:
                return self._reject(number, address, Code.PROTOCOL, "invalid arguments")
            return self._reject(number, address, Code.METHOD_UNKNOWN, "method unknown")
        # BEP 43: such a sender asks but does not answer, and belongs in no table.
        serves = envelope.get(b"ro") != 1
        handle = (address, number, asked)
        return Incoming(request, Origin(key_from(sender), address, handle, serves), None)

    def _read_answer(self, envelope: Envelope, data: bytes, address: Address) -> Incoming | None:
        """An answer without an id is as good as a refusal: the call is over, nobody is known."""
        ended = self._transactions.end(envelope.get(b"t"), address)
        if ended is None:
            return None
        call, request = ended
        fields = envelope.get(b"r")
        sender = fields.get(b"id") if type(fields) is dict else None
        if type(sender) is not bytes or len(sender) != KEY_SIZE:
            refusal = Refusal(Code.PROTOCOL, "the answer has no id")
            return Incoming(refusal, Origin(None, address, call), None)
        at_least = Scope.NOWHERE if self._private else scope(address[0])
        answer = read_answer(request, cast("Envelope", fields), data, at_least)
        origin = Origin(key_from(sender), address, call)
        return Incoming(answer, origin, self._read_observed(envelope))

    def _read_error(self, envelope: Envelope, address: Address) -> Incoming | None:
        """Errors carry no id."""
        ended = self._transactions.end(envelope.get(b"t"), address)
        if ended is None:
            return None
        origin = Origin(None, address, ended[0])
        return Incoming(read_error(envelope.get(b"e")), origin, self._read_observed(envelope))

    def _read_observed(self, envelope: Envelope) -> Endpoint | None:
        """Where the sender saw us: its ``ip``, if it is one of our family."""
        compact = envelope.get(b"ip")
        if type(compact) is not bytes or len(compact) != self._address_size:
            return None
        return unpack_address(compact)

    # Out.

    def encode_call(self, call: Call) -> bytes | None:
        """The datagram of a call; opens its transaction.

        ``None`` if it cannot be sent: an endpoint that is not an address of our family, a write
        without a ticket.
        """
        try:
            to = pack_address(cast("Address", call.to))
        except ValueError:
            return None
        if len(to) != self._address_size:
            return None
        query = write_query(call.request, self._own_bytes)
        if query is None:
            return None
        number = self._transactions.begin(call.id, to, call.request)
        ro = b"2:roi1e" if self.read_only else b""
        return b"".join((b"d", query, ro, _TRANSACTION[len(number)], number, _QUERY_END))

    def forget(self, call_id: int) -> None:
        """Nobody waits for this call any more."""
        self._transactions.forget(call_id)

    def encode_reply(self, handle: Any, response: Response) -> tuple[bytes, Address]:
        """The datagram that answers the query of ``handle``, and where to send it.

        At most 1024 bytes, 1400 with a value. What most answers are (contacts of our family,
        perhaps a ticket, or nothing but our id) is joined here; the rest takes a longer way.
        """
        address, number, asked = handle
        if (
            type(response) is not Answer
            or response.record is not None
            or response.providers
            or response.seq is not None
            or response.extra is not None
            or asked not in self._plain
        ):
            return self._encode_rest(handle, response)
        nodes = self._encode_contacts(response.closer) if asked else b""
        written = b"%d:%b" % (len(number), number)
        data = self.join_answer(pack_address(address), nodes, response.ticket, written)
        return (data, address) if data is not None else self._encode_rest(handle, response)

    def join_answer(
        self, seen: bytes, nodes: bytes, ticket: bytes | None, number: bytes
    ) -> bytes | None:
        """Join what most answers are: our id, contacts, perhaps a ticket.

        Args:
            seen: The compact address of the asker.
            nodes: The entry of the contacts, or nothing.
            ticket: The ticket, if there shall be one.
            number: The transaction as bencoded.

        Returns:
            ``None`` if the answer is longer than a plain one may be.
        """
        if ticket is None:
            data = _join((self._ip, seen, self._head, nodes, b"e1:t", number, _REPLY_END))
        else:
            token = _TOKEN[len(ticket)]
            pieces = (self._ip, seen, self._head, nodes, token, ticket, b"e1:t", number, _REPLY_END)
            data = _join(pieces)
        return data if len(data) <= MAX_PLAIN else None

    def write_contacts(self, closer: tuple[Contact, ...]) -> bytes:
        """The entry of those contacts that are of our family."""
        return write_contacts(closer, self._family_flag)

    def _encode_contacts(self, closer: tuple[Contact, ...]) -> bytes:
        """The same, remembered."""
        known = self._encoded.get(id(closer))
        if known is not None:
            return known[1]
        if len(self._encoded) >= _MAX_REMEMBERED:
            self._encoded.clear()
        entry = self.write_contacts(closer)
        self._encoded[id(closer)] = (closer, entry)
        return entry

    def _encode_rest(self, handle: Handle, response: Response) -> tuple[bytes, Address]:
        """Encode what has no short cut, within the limit of size."""
        address, number, asked = handle
        if isinstance(response, Refusal):
            return self._encode_error(number, address, response), address
        head = self._ip + pack_address(address)
        tail = b"".join((_TRANSACTION[len(number)], number, _REPLY_END))
        room = MAX_PLAIN if response.record is None else MAX_WITH_VALUE
        room -= len(head) + len(tail)
        family = self._family_flag
        nodes = self._encode_contacts(response.closer) if asked & family else b""
        body = write_answer(response, self._own_bytes, nodes, asked=asked, family=family, room=room)
        return b"".join((head, body, tail)), address

    def _reject(self, number: bytes, address: Address, code: int, reason: str) -> Rejected:
        """Say what is wrong with a query."""
        return Rejected(self._encode_error(number, address, Refusal(code, reason)))

    def _encode_error(self, number: bytes, address: Address, refusal: Refusal) -> bytes:
        """``d 1:e … 2:ip … 1:t … 1:v … 1:y1:e e``: errors carry no id (BEP 5)."""
        seen = (self._ip[1:], pack_address(address))
        end = (_TRANSACTION[len(number)], number, _ERROR_END)
        return b"".join((b"d", write_reason(refusal), *seen, *end))
