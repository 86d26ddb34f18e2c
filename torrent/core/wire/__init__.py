"""The peer wire: what two BitTorrent peers say to each other, as bytes and as values.

Bytes in, messages out (:class:`Decoder`); messages in, bytes out (:func:`encode`). Covers BEP 3, 5
(port), 6 (fast), 10 (extensions) and 52 (hashes); what travels inside extension messages is in
:mod:`torrent.core.wire.extensions`.
"""

from torrent.core.wire.decoder import (
    HANDSHAKE_SIZE,
    MAX_BLOCK,
    MAX_MESSAGE,
    Decoder,
    read_handshake,
)
from torrent.core.wire.encoder import block_header, encode, encode_requests
from torrent.core.wire.messages import (
    PROTOCOL,
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    Extended,
    Handshake,
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
    reserved_bits,
)

__all__ = [
    "HANDSHAKE_SIZE",
    "MAX_BLOCK",
    "MAX_MESSAGE",
    "PROTOCOL",
    "AllowedFast",
    "BitfieldMessage",
    "Block",
    "Cancel",
    "Choke",
    "Decoder",
    "Extended",
    "Handshake",
    "HashReject",
    "HashRequest",
    "Hashes",
    "Have",
    "HaveAll",
    "HaveNone",
    "Interested",
    "KeepAlive",
    "Message",
    "NotInterested",
    "Port",
    "Reject",
    "Request",
    "Suggest",
    "Unchoke",
    "block_header",
    "encode",
    "encode_requests",
    "read_handshake",
    "reserved_bits",
]
