"""Hypothesis strategies for what peers say to each other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from torrent.core.wire import (
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    Extended,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    KeepAlive,
    Message,
    NotInterested,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
)

WORDS = st.integers(0, 2**32 - 1)
ROOTS = st.binary(min_size=32, max_size=32)
BARE = [KeepAlive(), Choke(), Unchoke(), Interested(), NotInterested(), HaveAll(), HaveNone()]
DATA = st.binary(max_size=40)


def frozen(message: Message) -> Message:
    """``message`` with data of its own, so that it outlives what was received."""
    if isinstance(message, Block):
        return replace(message, data=memoryview(bytes(message.data)))
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
