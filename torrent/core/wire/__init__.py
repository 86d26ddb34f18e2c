"""The peer wire: what two BitTorrent peers say to each other, as bytes and as values.

Bytes in, messages out (:class:`Decoder`); messages in, bytes out (:func:`encode`). Covers BEP 3, 5
(port), 6 (fast), 10 (extensions) and 52 (hashes). What travels inside extension messages
(BEP 9, 11, 21, 54, 55) is read by :func:`read_extended` and written by :func:`encode_extended`.
"""

from torrent.core.wire.decoder import (
    HANDSHAKE_SIZE,
    MAX_BLOCK,
    MAX_MESSAGE,
    Decoder,
    read_handshake,
)
from torrent.core.wire.encoder import block_header, encode, encode_requests
from torrent.core.wire.extensions import (
    EXTENSION_IDS,
    DontHave,
    ExtensionMessage,
    UploadOnly,
    encode_extended,
    read_extended,
)
from torrent.core.wire.greeting import MAX_METADATA, ExtensionHandshake
from torrent.core.wire.holepunch import Holepunch, HolepunchError, HolepunchKind
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
from torrent.core.wire.ut_metadata import (
    METADATA_PIECE,
    MetadataData,
    MetadataMessage,
    MetadataReject,
    MetadataRequest,
)
from torrent.core.wire.ut_pex import MAX_PEERS, Pex, PexFlag

__all__ = [
    "EXTENSION_IDS",
    "HANDSHAKE_SIZE",
    "MAX_BLOCK",
    "MAX_MESSAGE",
    "MAX_METADATA",
    "MAX_PEERS",
    "METADATA_PIECE",
    "PROTOCOL",
    "AllowedFast",
    "BitfieldMessage",
    "Block",
    "Cancel",
    "Choke",
    "Decoder",
    "DontHave",
    "Extended",
    "ExtensionHandshake",
    "ExtensionMessage",
    "Handshake",
    "HashReject",
    "HashRequest",
    "Hashes",
    "Have",
    "HaveAll",
    "HaveNone",
    "Holepunch",
    "HolepunchError",
    "HolepunchKind",
    "Interested",
    "KeepAlive",
    "Message",
    "MetadataData",
    "MetadataMessage",
    "MetadataReject",
    "MetadataRequest",
    "NotInterested",
    "Pex",
    "PexFlag",
    "Port",
    "Reject",
    "Request",
    "Suggest",
    "Unchoke",
    "UploadOnly",
    "block_header",
    "encode",
    "encode_extended",
    "encode_requests",
    "read_extended",
    "read_handshake",
    "reserved_bits",
]
