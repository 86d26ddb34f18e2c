"""Items: the records of Mainline (BEP 44).

An immutable item lives under the SHA-1 of its bencoded value and needs no further proof. A
mutable one lives under the SHA-1 of an Ed25519 public key and an optional salt; the signature
covers salt, sequence number and value, laid out by hand so that no decoder's opinion matters::

    4:salt6:foobar3:seqi4e1:v12:Hello world!

A record's ``value`` is the bencoded ``v`` exactly as received. Envelopes are read leniently, but
a value must be canonical: it is what gets signed, hashed and handed on to others.

The rules come in the order a storing node applies them: ``admit`` (sizes, shape, key), then
``supersede`` (cas, sequence), both cheap, and ``verify`` last, since a signature costs more than
everything else together.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dht.codec.bencode import is_canonical
from dht.core.messages import Record, Refusal
from dht.mainline.compact import key_from

if TYPE_CHECKING:
    from dht.core.keys import Key

MAX_VALUE: Final = 1000
MAX_SALT: Final = 64
MAX_SEQ: Final = 2**63 - 1
PUBLIC_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64


class Code(IntEnum):
    """Error codes of BEP 5 (201 to 204) and BEP 44."""

    GENERIC = 201
    SERVER = 202
    PROTOCOL = 203
    METHOD_UNKNOWN = 204
    VALUE_TOO_BIG = 205
    INVALID_SIGNATURE = 206
    SALT_TOO_BIG = 207
    CAS_MISMATCH = 301
    SEQ_TOO_LOW = 302


class PublicKey(Protocol):
    """What a :class:`Signer` shows of itself."""

    def public_bytes_raw(self) -> bytes:
        """The 32 bytes of the key."""
        ...


class Signer(Protocol):
    """Who can sign items: an ``Ed25519PrivateKey`` of ``cryptography``, or a look-alike."""

    def sign(self, data: bytes, /) -> bytes:
        """The 64 bytes of the signature of ``data``."""
        ...

    def public_key(self) -> PublicKey:
        """The key that verifies it."""
        ...


def immutable_key(value: bytes) -> Key:
    """Where an immutable item lives; ``value`` is bencoded."""
    return key_from(hashlib.sha1(value, usedforsecurity=False).digest())


def mutable_key(public: bytes, salt: bytes = b"") -> Key:
    """Where the item of a public key and a salt lives."""
    return key_from(hashlib.sha1(public + salt, usedforsecurity=False).digest())


def signed_bytes(value: bytes, seq: int, salt: bytes = b"") -> bytes:
    """What the signature of a mutable item covers. An empty salt is no salt."""
    prefix = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
    return b"%b3:seqi%de1:v%b" % (prefix, seq, value)


def immutable_record(value: bytes) -> Record:
    """The immutable item of ``value``, which is bencoded."""
    return Record(immutable_key(value), value)


def sign_record(signer: Signer, value: bytes, seq: int, salt: bytes = b"") -> Record:
    """Sign the mutable item of ``value``, which is bencoded."""
    public = signer.public_key().public_bytes_raw()
    signature = signer.sign(signed_bytes(value, seq, salt))
    return Record(mutable_key(public, salt), value, seq, public, salt, signature)


def is_mutable(record: Record) -> bool:
    """Whether any of the fields that only mutable items have is there."""
    return record.seq is not None or bool(record.signer or record.signature)


class ItemRules:
    """Which items are acceptable and which of two is better. Implements ``RecordRules``."""

    __slots__ = ()

    def admit(self, record: Record) -> Refusal | None:
        """Check sizes, shape and key."""
        if len(record.value) > MAX_VALUE:
            return Refusal(Code.VALUE_TOO_BIG, f"v is longer than {MAX_VALUE} bytes")
        if len(record.salt) > MAX_SALT:
            return Refusal(Code.SALT_TOO_BIG, f"salt is longer than {MAX_SALT} bytes")
        if is_mutable(record):
            flaw = self._flaw_of_mutable(record)
        else:
            flaw = "" if record.key == immutable_key(record.value) else "v has another target"
        if not flaw and not is_canonical(record.value):
            flaw = "v is not canonical bencode"
        return Refusal(Code.PROTOCOL, flaw) if flaw else None

    def _flaw_of_mutable(self, record: Record) -> str:
        """What is wrong with the fields only mutable items have; empty if nothing is."""
        if len(record.signer) != PUBLIC_SIZE:
            return f"k is not {PUBLIC_SIZE} bytes"
        if len(record.signature) != SIGNATURE_SIZE:
            return f"sig is not {SIGNATURE_SIZE} bytes"
        # "A client MAY reject any message with a sequence number exceeding" 2^63 - 1, or negative.
        if record.seq is None or not 0 <= record.seq <= MAX_SEQ:
            return "seq is not a number from 0 to 2^63-1"
        if record.key != mutable_key(record.signer, record.salt):
            return "k and salt have another target"
        return ""

    def verify(self, record: Record) -> Refusal | None:
        """Check the signature of a mutable item; an immutable one was proved by its key."""
        if record.seq is None:
            return None
        signed = signed_bytes(record.value, record.seq, record.salt)
        try:
            Ed25519PublicKey.from_public_bytes(record.signer).verify(record.signature, signed)
        except (InvalidSignature, ValueError):  # ValueError: not 32 bytes, not a point
            return Refusal(Code.INVALID_SIGNATURE, "invalid signature")
        return None

    def supersede(self, held: Record, offered: Record, cas: int | None) -> Refusal | None:
        """Compare versions, "compare and swap" first: BEP 44 makes 301 a MUST.

        An equal version may only repeat itself ("lower than or equal [...] MUST reject [...] if
        the value is also the same, the node SHOULD reset its timeout counter").
        """
        if held.seq is None or offered.seq is None:
            return None  # immutable: the same key means the same value
        if cas is not None and cas != held.seq:
            return Refusal(Code.CAS_MISMATCH, f"cas mismatch: the current seq is {held.seq}")
        if offered.seq < held.seq or (offered.seq == held.seq and offered.value != held.value):
            return Refusal(Code.SEQ_TOO_LOW, f"seq is not above the current {held.seq}")
        return None

    def better(self, one: Record, other: Record) -> bool:
        """The higher version is better; of two with one number, the greater value.

        A signer who gave one number to two values broke the rules. The tie is broken so that all
        readers agree.
        """
        return (one.seq or 0, one.value) > (other.seq or 0, other.value)
