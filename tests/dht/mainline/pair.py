"""Two dialects joined: what one side writes the other reads, and tests see both ends."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from dht.codec.bencode import encode
from dht.core.effects import Call
from dht.core.messages import (
    Announce,
    Contact,
    FindNode,
    Get,
    Ping,
    Provider,
    Providers,
    Put,
    Record,
    Sample,
)
from dht.mainline.compact import pack_address
from dht.mainline.items import immutable_record
from dht.mainline.krpc import Incoming, Krpc
from dht.mainline.policy import Family, mainline_policy

if TYPE_CHECKING:
    from dht.core.messages import Request, Response

ADDRESSES = {
    "ipv4": (("127.0.0.1", 6881), ("127.0.1.1", 6882)),
    "ipv6": (("::1", 6881), ("::2", 6882)),
}
ASKER, ASKED = 0xA5 << 152, 0x5A << 152


def make(key: int = ASKED, family: Family = "ipv4", *, seed: int = 1, **options: Any) -> Krpc:
    """One dialect by itself."""
    read_only = options.pop("read_only", False)
    policy = mainline_policy(family=family, tickets=None, **options)
    return Krpc(key, Random(seed), family=family, read_only=read_only, policy=policy)


class Pair:
    """``asker`` at ``here`` talks to ``asked`` at ``there``."""

    def __init__(self, family: Family = "ipv4", **options: Any) -> None:
        self.here, self.there = ADDRESSES[family]
        self.asker = make(ASKER, family, seed=1, **options)
        self.asked = make(ASKED, family, seed=2, **options)
        self.calls = 0

    def send(self, request: Request) -> bytes:
        """The datagram of a request."""
        self.calls += 1
        data = self.asker.encode_call(Call(self.calls, self.there, request))
        assert data is not None
        return data

    def ask(self, request: Request) -> Incoming:
        """The request as it arrives."""
        data = self.send(request)
        assert len(data) <= 1400
        incoming = self.asked.decode_untrusted(data, self.here)
        assert isinstance(incoming, Incoming)
        return incoming

    def reply(self, incoming: Incoming, response: Response) -> bytes:
        """The datagram of an answer, on its way back to where the request came from."""
        data, address = self.asked.encode_reply(incoming.origin.handle, response)
        assert address == self.here
        return data

    def exchange(self, request: Request, response: Response) -> Incoming:
        """Ask, answer, and give back the answer as it arrives."""
        data = self.reply(self.ask(request), response)
        answer = self.asker.decode_untrusted(data, self.there)
        assert isinstance(answer, Incoming)
        return answer


def pending(krpc: Krpc, number: bytes, request: Request, address: tuple[str, int]) -> None:
    """Make ``krpc`` wait for an answer numbered as a printed example or a test wants it."""
    krpc._transactions._open[number] = (1, pack_address(address), request)
    krpc._transactions._calls[1] = number


def packet(**fields: Any) -> bytes:
    """A message, bencoded by hand of the caller: names are those of KRPC."""
    return encode(fields)


keys = st.integers(0, 2**160 - 1)
ports = st.integers(1, 0xFFFF)
hosts = {
    "ipv4": st.ip_addresses(v=4, network="11.0.0.0/8").map(str),
    "ipv6": st.ip_addresses(v=6, network="2a00::/16").map(str),
}
endpoints = {family: st.tuples(hosts[family], ports) for family in hosts}
contacts = {family: st.builds(Contact, keys, endpoints[family]) for family in hosts}
tickets = st.binary(min_size=1, max_size=20)
values = st.binary(max_size=990).map(encode)
mutable = st.builds(
    Record,
    keys,
    values,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=64),
    st.binary(min_size=64, max_size=64),
)
immutable = values.map(immutable_record)
families = st.sampled_from(
    [frozenset(), frozenset({"ipv4", "ipv6"}), frozenset({"ipv6"}), frozenset({"ipv4"})]
)
seqs = st.none() | st.integers(0, 2**63 - 1)

requests = st.one_of(
    st.builds(Ping),
    st.builds(FindNode, keys, families),
    st.builds(Get, keys, seqs, st.just(b""), families),
    st.builds(Providers, keys, st.booleans(), families),
    st.builds(Sample, keys, families),
    st.builds(
        Announce,
        keys,
        st.builds(Provider, st.tuples(st.just("0.0.0.0"), st.integers(0, 65535)), st.booleans()),
        tickets,
    ),
    st.builds(Put, immutable, tickets),
    st.builds(Put, mutable, tickets, seqs),
)
