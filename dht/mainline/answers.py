"""Answers: what comes back, both ways, and how it is made to fit a datagram.

BEP 32 bounds datagrams to 1024 bytes. A BEP 44 value of 1000 bytes cannot keep to that; with one
the bound is 1400, which still crosses every link unfragmented. What does not fit is left out:
first contacts (those of the other family before our own), then peers.

Reading trusts nothing. Every field may be missing, of another type, or as long as a datagram; each
reader says what that counts as, and none raises. Wherever a list is read there is a bound that an
honest answer does not reach, so that a dishonest one costs what an honest one costs. What is left
of an answer after that goes to the core, which asks the further questions: whether a record
belongs under its key, whether a contact is worth a ping.

Writing joins ready pieces instead of encoding a dictionary, since replies are most of a node's
work; the order of the entries is that of their names, as canonical bencode wants it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from dht.codec.bencode import Envelope, raw_item
from dht.core.messages import (
    Answer,
    Get,
    Provider,
    Providers,
    Record,
    Refusal,
    Sample,
    Samples,
    Scrape,
)
from dht.mainline.bloom import SIZE as FILTER_SIZE
from dht.mainline.compact import (
    KEY_SIZE,
    V4_NODE,
    V4_PEER,
    V6_NODE,
    V6_PEER,
    Address,
    Scope,
    key_from,
    pack_address,
    pack_nodes,
    scope,
    unpack_address,
    unpack_nodes,
)
from dht.mainline.items import MAX_SEQ, Code
from dht.mainline.queries import MAX_TICKET, N4, N6, NO_SEEDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dht.core.messages import Contact, Endpoint, Request

MAX_PLAIN: Final = 1024
MAX_WITH_VALUE: Final = 1400

MAX_PEERS: Final = 256
"""Peers read from one answer; 1024 bytes hold 128."""

MAX_SAMPLES: Final = 400
"""Keys read from one BEP 51 answer: what fills the largest datagram we take."""

MAX_INTERVAL: Final = 21_600
"""BEP 51: "interval" is at most six hours."""

_SENT_SAMPLES: Final = 32
"""Keys in a sample of ours: 640 bytes, which leaves room for eight contacts on IPv4."""
_MAX_REASON: Final = 200
"""Bytes of an error's text that are read or sent: it is shown to people."""
_MAX_CODE: Final = 999_999
"""BEP 5's codes have three digits; a number that fills a datagram is no code."""

_NODES_OVERHEAD: Final = len(b"5:nodes999:")
_NODES6_OVERHEAD: Final = len(b"6:nodes6999:")
_OTHER: Final = {N4: N6, N6: N4}


# Reading.


def read_answer(request: Request, fields: Envelope, data: bytes, at_least: Scope) -> Answer:
    """Read the ``r`` dictionary of the answer to ``request``.

    Whatever is missing or malformed stays empty.

    Args:
        request: What was asked: it says what the fields mean.
        fields: The decoded ``r``.
        data: The datagram, where ``v`` is found as received.
        at_least: Scope of the addresses that the answerer may tell us about.
    """
    closer: list[Contact] = []
    if b"nodes" in fields:
        closer = unpack_nodes(fields[b"nodes"], V4_NODE, at_least)
    if b"nodes6" in fields:
        closer = closer + unpack_nodes(fields[b"nodes6"], V6_NODE, at_least)
    token = fields.get(b"token")
    ticket = token if type(token) is bytes and len(token) <= MAX_TICKET else None
    record: Record | None = None
    seq: int | None = None
    providers: tuple[Provider, ...] = ()
    extra: Scrape | Samples | None = None
    if isinstance(request, Get):
        record, seq = _read_item(request, fields, data)
    elif isinstance(request, Providers):
        providers, extra = _read_values(fields.get(b"values"), at_least), _read_filters(fields)
    elif isinstance(request, Sample):
        extra = _read_samples(fields)
    return Answer(tuple(closer), record, seq, providers, ticket, extra)


def _read_item(request: Get, fields: Envelope, data: bytes) -> tuple[Record | None, int | None]:
    """The item, put under the key we asked for (the record rules say if it belongs there)."""
    number = fields.get(b"seq")
    seq = number if type(number) is int and 0 <= number <= MAX_SEQ else None
    value = raw_item(data, fields, b"r")
    if value is None:
        return None, seq
    # The key is not sent along: it is what was asked for. Whether k and salt, or v, really hash to
    # it is the first thing the record rules look at.
    public, signature = fields.get(b"k"), fields.get(b"sig")
    if type(public) is not bytes or type(signature) is not bytes:
        return Record(request.key, value), None
    return Record(request.key, value, seq, public, request.salt, signature), seq


def _read_values(values: object, at_least: Scope) -> tuple[Provider, ...]:
    """The peers; BEP 32: "must be able to properly parse hybrid 'values' lists"."""
    if type(values) is not list:
        return ()
    return tuple(
        Provider(address)
        for value in values[:MAX_PEERS]
        if type(value) is bytes and len(value) in (V4_PEER, V6_PEER)
        for address in (unpack_address(value),)
        if address[1] and scope(address[0]) >= at_least
    )


def _read_filters(fields: Envelope) -> Scrape | None:
    """BEP 33's filters; one without the other counts nothing."""
    seeds, peers = fields.get(b"BFsd"), fields.get(b"BFpe")
    if type(seeds) is not bytes or type(peers) is not bytes:
        return None
    return Scrape(seeds, peers) if len(seeds) == len(peers) == FILTER_SIZE else None


def _read_samples(fields: Envelope) -> Samples | None:
    """BEP 51; ``None`` from a node that does not know the method and answers like find_node."""
    samples, total, interval = (fields.get(name) for name in (b"samples", b"num", b"interval"))
    if type(samples) is not bytes:
        return None
    end = min(len(samples) // KEY_SIZE, MAX_SAMPLES) * KEY_SIZE
    keys = tuple(key_from(samples[at : at + KEY_SIZE]) for at in range(0, end, KEY_SIZE))
    # Who claims to hold fewer keys than it names is corrected; more it may claim, nothing
    # depends on it but an estimate.
    known = total if type(total) is int and len(keys) <= total <= MAX_SEQ else len(keys)
    pause = interval if type(interval) is int and 0 <= interval <= MAX_INTERVAL else 0
    return Samples(keys, known, float(pause))


def read_error(error: object) -> Refusal:
    """The ``e`` list: a code and a reason."""
    code, reason = error[:2] if type(error) is list and len(error) > 1 else (None, None)
    if type(code) is not int or not 0 <= code <= _MAX_CODE:
        code = Code.GENERIC
    text = reason[:_MAX_REASON] if type(reason) is bytes else b"(an error of no known form)"
    return Refusal(code, text.decode("utf-8", "replace"))


# Writing.


def write_reason(refusal: Refusal) -> bytes:
    """The ``e`` entry of an error."""
    reason = refusal.reason.encode()[:_MAX_REASON]
    return b"1:eli%de%d:%be" % (refusal.code, len(reason), reason)


def write_contacts(contacts: Iterable[Contact], family: int) -> bytes:
    """The ``nodes`` or ``nodes6`` entry: those of ``contacts`` that are of that family."""
    raw = pack_nodes(_of_family(contacts, family))
    return b"%b%d:%b" % (b"6:nodes6" if family == N6 else b"5:nodes", len(raw), raw)


def _of_family(contacts: Iterable[Contact], family: int) -> list[Contact]:
    """Those of ``contacts`` that have an address of ``family``."""
    v6 = family == N6
    # Written out (is_v6, host_of), as of eight contacts the calls would cost a microsecond.
    return [contact for contact in contacts if (":" in contact.endpoint[0]) == v6]  # type: ignore[index]


def write_answer(
    answer: Answer, own: bytes, nodes: bytes, *, asked: int, family: int, room: int
) -> bytes:
    """The ``r`` entry of an answer, in at most ``room`` bytes.

    Its entries stand in the order of their names: BFpe, BFsd, id, interval, k, nodes, nodes6,
    num, samples, seq, sig, token, v, values.

    Args:
        answer: What to say.
        own: Our key.
        nodes: The ready entry of our family's contacts, for when all of them fit.
        asked: Flags: which contacts and peers were asked for.
        family: Our own, N4 or N6: its contacts outlast the others, and peers are of it.
        room: Bytes left for it in the datagram.
    """
    head, tail = _write_fixed(answer, own)
    room -= len(head) + len(tail) + 1
    # Peers before contacts: they are what was asked for, and a walk that lacks contacts of this
    # answer finds them in the next.
    values = _fit_values(answer.providers, asked, room, family) if answer.providers else b""
    room -= len(values)
    if len(nodes) > room:
        nodes = _fit_contacts(answer.closer, family, room)
    if asked & _OTHER[family]:
        others = _fit_contacts(answer.closer, _OTHER[family], room - len(nodes))
        nodes = nodes + others if family == N4 else others + nodes
    return b"".join((head, nodes, tail, values, b"e"))


def _write_fixed(answer: Answer, own: bytes) -> tuple[bytes, bytes]:
    """What is sent whole: the entries before the contacts and those after.

    A value leaves no room for filters or samples, and no answer has both.
    """
    filters = interval = public = samples = seq = signature = token = value = b""
    extra, record, version, ticket = answer.extra, answer.record, answer.seq, answer.ticket
    if record is not None:
        value = b"1:v" + record.value
        if record.seq is not None:
            version = record.seq
            public = b"1:k%d:%b" % (len(record.signer), record.signer)
            signature = b"3:sig%d:%b" % (len(record.signature), record.signature)
    elif isinstance(extra, Scrape):
        filters = b"4:BFpe%d:%b4:BFsd%d:%b" % (
            len(extra.peers),
            extra.peers,
            len(extra.seeds),
            extra.seeds,
        )
    elif isinstance(extra, Samples):
        interval = b"8:intervali%de" % extra.interval
        keys = b"".join([key.to_bytes(KEY_SIZE, "big") for key in extra.keys[:_SENT_SAMPLES]])
        samples = b"3:numi%de7:samples%d:%b" % (extra.total, len(keys), keys)
    if version is not None:
        seq = b"3:seqi%de" % version
    if ticket is not None:
        token = b"5:token%d:%b" % (len(ticket), ticket)
    head = b"".join((b"1:rd", filters, b"2:id20:", own, interval, public))
    return head, b"".join((samples, seq, signature, token, value))


def _fit_values(providers: Sequence[Provider], asked: int, room: int, family: int) -> bytes:
    """The ``values`` entry: as many peers as fit."""
    if asked & NO_SEEDS:
        providers = [provider for provider in providers if not provider.seed]
    size = 3 + V6_PEER if family == N6 else 2 + V4_PEER
    fits = max(0, room - len(b"6:valuesle")) // size
    if not providers or not fits:
        return b""
    return b"6:valuesl%be" % b"".join([_write_value(p.endpoint) for p in providers[:fits]])


@lru_cache(4096)
def _write_value(endpoint: Endpoint) -> bytes:
    """One peer: a string in the list ``values``. Popular swarms repeat the same ones."""
    compact = pack_address(cast("Address", endpoint))
    return b"%d:%b" % (len(compact), compact)


def _fit_contacts(closer: Sequence[Contact], family: int, room: int) -> bytes:
    """The entry of one family's contacts: as many as fit."""
    size, overhead = (V6_NODE, _NODES6_OVERHEAD) if family == N6 else (V4_NODE, _NODES_OVERHEAD)
    if room < overhead:
        return b""
    return write_contacts(_of_family(closer, family)[: (room - overhead) // size], family)
