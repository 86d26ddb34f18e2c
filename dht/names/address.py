"""One address space: everything a user types or sees is a CID, and says where it lives.

Four kinds of thing can be found in a DHT, and each has one canonical name:

=========================  =============================================  =======================
what                       CID                                            Mainline key
=========================  =============================================  =======================
immutable item (BEP 44)    v1, ``bencode``, sha1 of the bencoded value     that sha1
torrent v1, v2             v1, ``torrent-info``, sha1 or sha2-256 infohash the infohash's first
                                                                          20 bytes (BEP 52)
any other content          itself                                         its digest if that has
                                                                          20 bytes, else the sha1
                                                                          of the multihash
name: an Ed25519 key       v1, ``libp2p-key``, shown as ``k51...``, then   sha1 of public key and
                           perhaps ``/salt``                              salt (BEP 44, BEP 46)
=========================  =============================================  =======================

On Amino (the IPFS DHT) content lives under the sha2-256 of its multihash, and a name under the
sha2-256 of ``/ipns/`` and the peer id. Items exist on Mainline only, and so do salts.

An address is its CID and, for names, a salt. What it is and where it lives is computed from these,
so that an address cannot contradict itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dht.codec import cid as cids
from dht.codec import multihash

if TYPE_CHECKING:
    from dht.codec.cid import Cid

MAX_SALT: Final = 64
"""Bytes: BEP 44, error 207 'salt too big'."""

_ED25519_PREFIX: Final = b"\x08\x01\x12\x20"
"""libp2p's protobuf of a public key: type 1 (Ed25519), 32 bytes of data."""
_MAX_INLINE_KEY: Final = 42
"""Bytes of protobuf up to which a peer id is the key itself, not its hash (libp2p, peer ids)."""
_SHA1_SIZE: Final = 20
_SHA256_SIZE: Final = 32


class AddressError(ValueError):
    """A text that names nothing, or nothing that can be used so.

    Attributes:
        hint: What to type instead; empty if there is nothing to suggest.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Kind(StrEnum):
    """What an address names."""

    ITEM = "item"
    TORRENT = "torrent"
    CONTENT = "content"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Address:
    """Where something lives, in every network at once.

    Attributes:
        cid: The canonical name, a ``py-cid`` object.
        salt: What separates several records of one name; empty for all other kinds.
    """

    cid: Cid
    salt: bytes = b""

    def __post_init__(self) -> None:
        if self.salt and self.kind is not Kind.NAME:
            raise AddressError("only a name can have a salt")
        if len(self.salt) > MAX_SALT:
            raise AddressError(
                f"the salt has {len(self.salt)} bytes, and {MAX_SALT} is the most (BEP 44)"
            )

    @property
    def kind(self) -> Kind:
        """What is named: derived from the CID, so that the two cannot disagree."""
        if self.cid.codec == cids.LIBP2P_KEY:
            return Kind.NAME
        hashed = multihash.decode_untrusted(self.cid.multihash)
        shape = (hashed.code, len(hashed.digest))
        if self.cid.codec == cids.BENCODE and shape == (multihash.SHA1, _SHA1_SIZE):
            return Kind.ITEM
        if self.cid.codec == cids.TORRENT_INFO and shape in (
            (multihash.SHA1, _SHA1_SIZE),
            (multihash.SHA2_256, _SHA256_SIZE),
        ):
            return Kind.TORRENT
        return Kind.CONTENT

    @property
    def digest(self) -> bytes:
        """The digest inside the multihash: the infohash of a torrent, the key of an item."""
        return multihash.decode_untrusted(self.cid.multihash).digest

    @property
    def public_key(self) -> bytes:
        """The Ed25519 public key of a name, 32 bytes.

        Raises:
            AddressError: It is not a name, or the name does not contain an Ed25519 key.
        """
        inline = self.digest
        if self.kind is not Kind.NAME:
            raise AddressError(f"{self} is not a name")
        if inline[:4] != _ED25519_PREFIX or len(inline) != 4 + _SHA256_SIZE:
            raise AddressError(
                f"{self} is not an Ed25519 key, and other keys sign nothing on Mainline",
                "make a name with `dhtctl key new`",
            )
        return inline[4:]

    @property
    def mainline_key(self) -> bytes:
        """The 20 bytes under which Mainline holds it.

        Raises:
            AddressError: Mainline cannot hold it: a name that is no Ed25519 key.
        """
        if self.kind is Kind.NAME:
            return _sha1(self.public_key + self.salt)
        digest = self.digest
        if self.kind is Kind.TORRENT:
            return digest[:_SHA1_SIZE]
        return digest if len(digest) == _SHA1_SIZE else _sha1(self.cid.multihash)

    @property
    def amino_key(self) -> bytes:
        """The 32 bytes under which Amino holds it.

        Raises:
            AddressError: It exists on Mainline only: an item, or a name with a salt.
        """
        if self.kind is Kind.ITEM or self.salt:
            what = "an immutable item" if self.kind is Kind.ITEM else "a name with a salt"
            raise AddressError(f"{what} exists on Mainline only, Amino has no such thing")
        if self.kind is Kind.NAME:
            return hashlib.sha256(b"/ipns/" + self.cid.multihash).digest()
        return amino_key_of(self.cid.multihash)

    @property
    def peer_id(self) -> str:
        """The name as a libp2p peer id (``12D3KooW...``).

        Raises:
            AddressError: It is not a name.
        """
        if self.kind is not Kind.NAME:
            raise AddressError(f"{self} is not a name, so it is nobody's peer id")
        return multihash.to_base58(self.cid.multihash)

    @property
    def magnet(self) -> str:
        """The magnet link that other programs understand.

        Raises:
            AddressError: Magnets exist for torrents and names only.
        """
        if self.kind is Kind.NAME:
            salt = f"&s={self.salt.hex()}" if self.salt else ""
            return f"magnet:?xs=urn:btpk:{self.public_key.hex()}{salt}"
        if self.kind is not Kind.TORRENT:
            raise AddressError(f"{self} is neither a torrent nor a name: it has no magnet link")
        if len(self.digest) == _SHA1_SIZE:
            return f"magnet:?xt=urn:btih:{self.digest.hex()}"
        return f"magnet:?xt=urn:btmh:{self.cid.multihash.hex()}"

    def with_salt(self, salt: bytes) -> Address:
        """Address another record of the same name.

        Raises:
            AddressError: It is not a name, or the salt is too long.
        """
        return Address(self.cid, salt)

    def __str__(self) -> str:
        """Write it as :func:`~dht.names.parse` reads it, without loss."""
        salt = "/" + quote(self.salt, safe="/~") if self.salt else ""
        return cids.text(self.cid) + salt


def amino_key_of(multihashed: bytes) -> bytes:
    """Where Amino puts a multihash: content to be provided, or the peer id of a node."""
    return hashlib.sha256(multihashed).digest()


def item(value: bytes) -> Address:
    """Address the immutable item whose value, bencoded, is ``value`` (BEP 44)."""
    return item_of(_sha1(value))


def item_of(key: bytes) -> Address:
    """Address the immutable item that lives under ``key``.

    Raises:
        AddressError: A Mainline key has 20 bytes.
    """
    if len(key) != _SHA1_SIZE:
        raise AddressError(f"an item's key is a sha1, 20 bytes, not {len(key)}")
    return Address(cids.make(cids.BENCODE, multihash.encode(multihash.SHA1, key)))


def torrent(infohash: bytes) -> Address:
    """Address a torrent by its v1 (20 bytes) or v2 (32 bytes) infohash.

    Raises:
        AddressError: Infohashes have no other lengths.
    """
    function = {_SHA1_SIZE: multihash.SHA1, _SHA256_SIZE: multihash.SHA2_256}.get(len(infohash))
    if function is None:
        raise AddressError(f"an infohash has 20 or 32 bytes, not {len(infohash)}")
    return Address(cids.make(cids.TORRENT_INFO, multihash.encode(function, infohash)))


def content(cid: Cid) -> Address:
    """Address anything that has a CID."""
    return Address(cid)


def name(public_key: bytes, salt: bytes = b"") -> Address:
    """Address the records signed by an Ed25519 key.

    Raises:
        AddressError: The key has not 32 bytes, or the salt is too long.
    """
    if len(public_key) != _SHA256_SIZE:
        raise AddressError(f"an Ed25519 public key has 32 bytes, not {len(public_key)}")
    return peer(_ED25519_PREFIX + public_key, salt)


def peer(protobuf: bytes, salt: bytes = b"") -> Address:
    """Address the owner of a libp2p public key, given as its protobuf message."""
    hashed = (
        multihash.encode(multihash.IDENTITY, protobuf)
        if len(protobuf) <= _MAX_INLINE_KEY
        else multihash.encode(multihash.SHA2_256, hashlib.sha256(protobuf).digest())
    )
    return Address(cids.make(cids.LIBP2P_KEY, hashed), salt)


def _sha1(data: bytes) -> bytes:
    """SHA-1 is what BEP 44 prescribes; collisions only harm whoever makes them."""
    return hashlib.sha1(data, usedforsecurity=False).digest()
