"""Hypothesis strategies for what peers say to each other."""

from __future__ import annotations

from hypothesis import strategies as st

from torrent.core.wire import (
    EXTENSION_IDS,
    MAX_METADATA,
    METADATA_PIECE,
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    DontHave,
    Extended,
    ExtensionHandshake,
    ExtensionMessage,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Holepunch,
    HolepunchKind,
    Interested,
    KeepAlive,
    Message,
    MetadataData,
    MetadataReject,
    MetadataRequest,
    NotInterested,
    Pex,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
    UploadOnly,
)

WORDS = st.integers(0, 2**32 - 1)
ROOTS = st.binary(min_size=32, max_size=32)
BARE = [KeepAlive(), Choke(), Unchoke(), Interested(), NotInterested(), HaveAll(), HaveNone()]
DATA = st.binary(max_size=40)


def frozen(message: Message) -> Message:
    """``message`` with data of its own, so that it outlives what was received."""
    if isinstance(message, Block):
        return message._replace(data=memoryview(bytes(message.data)))
    return message


def trees() -> st.SearchStrategy[Message]:
    """Hashes asked for, sent, refused."""
    fields = (ROOTS, WORDS, WORDS)
    # (length, proofs, hashes): BEP 52 leaves out the uncles that the receiver can compute.
    counts = st.sampled_from([(2, 0, 2), (2, 3, 5), (4, 1, 4), (4, 3, 6), (1, 0, 2)])
    sent = counts.flatmap(
        lambda count: st.builds(
            Hashes,
            *fields,
            st.just(count[0]),
            st.just(count[1]),
            st.binary(min_size=32 * count[2], max_size=32 * count[2]),
        )
    )
    return st.one_of(
        st.builds(HashRequest, *fields, WORDS, WORDS),
        st.builds(HashReject, *fields, WORDS, WORDS),
        sent,
    )


def messages() -> st.SearchStrategy[Message]:
    """Every kind of message; blocks and requests often, so that runs of them come up."""
    return st.one_of(
        st.sampled_from(BARE),
        st.builds(Request, WORDS, WORDS, WORDS),
        st.builds(Block, WORDS, WORDS, DATA.map(memoryview)),
        st.one_of(st.builds(kind, WORDS) for kind in (Have, Suggest, AllowedFast)),
        st.one_of(st.builds(kind, WORDS, WORDS, WORDS) for kind in (Cancel, Reject)),
        st.builds(BitfieldMessage, DATA),
        st.builds(Port, st.integers(0, 65535)),
        st.builds(Extended, st.integers(0, 255), DATA),
        trees(),
    )


PORTS = st.integers(1, 65535)
V4 = st.tuples(st.ip_addresses(v=4, network="16.0.0.0/8").map(str), PORTS)
V6 = st.tuples(st.ip_addresses(v=6, network="2001:db8::/64").map(str), PORTS)
PIECES = st.integers(0, 2047)


def greetings() -> st.SearchStrategy[ExtensionHandshake]:
    """Extension handshakes as we might send them."""
    return st.builds(
        ExtensionHandshake,
        extensions=st.dictionaries(
            st.sampled_from([*EXTENSION_IDS, "x"]), st.integers(0, 255), max_size=5
        ),
        client=st.none() | st.sampled_from(["µTorrent 3.5.5", "dhtctl 0.1"]),
        port=st.none() | PORTS,
        reqq=st.none() | st.integers(1, 65536),
        yourip=st.none() | V4.map(lambda peer: peer[0]) | V6.map(lambda peer: peer[0]),
        ipv4=st.none() | V4.map(lambda peer: peer[0]),
        ipv6=st.none() | V6.map(lambda peer: peer[0]),
        metadata_size=st.none() | st.integers(1, MAX_METADATA),
        upload_only=st.none() | st.booleans(),
    )


def metadata_data() -> st.SearchStrategy[MetadataData]:
    """Last pieces, as they may be short."""
    return st.builds(
        lambda piece, data: MetadataData(piece, piece * METADATA_PIECE + len(data), data),
        PIECES,
        st.binary(min_size=1, max_size=40),
    )


def pexes() -> st.SearchStrategy[Pex]:
    """Changes in the order in which they travel: IPv4 first."""
    added = [st.lists(st.tuples(peer, st.integers(0, 255)), max_size=4) for peer in (V4, V6)]
    dropped = [st.lists(peer, max_size=4) for peer in (V4, V6)]
    return st.builds(lambda a4, a6, d4, d6: Pex(tuple(a4 + a6), tuple(d4 + d6)), *added, *dropped)


def holepunches() -> st.SearchStrategy[Holepunch]:
    """Steps of an introduction; only errors carry a code."""
    steps = st.sampled_from([HolepunchKind.RENDEZVOUS, HolepunchKind.CONNECT])
    return st.one_of(
        st.builds(Holepunch, steps, V4 | V6),
        st.builds(Holepunch, st.just(HolepunchKind.ERROR), V4 | V6, WORDS),
    )


def extension_messages() -> st.SearchStrategy[ExtensionMessage]:
    """Every message of every extension."""
    return st.one_of(
        greetings(),
        metadata_data(),
        st.builds(MetadataRequest, PIECES),
        st.builds(MetadataReject, PIECES),
        pexes(),
        holepunches(),
        st.builds(DontHave, WORDS),
        st.builds(UploadOnly, st.booleans()),
    )
