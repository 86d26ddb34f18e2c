"""Reading what people type: every form in which a DHT address goes about.

:func:`parse` takes CIDs of either version, names (``k51...`` with or without ``/salt``), bare
infohashes and item keys in hexadecimal or base32 (as old magnets carry them), public keys, magnet
links of torrents (BEP 9; ``btmh`` of BEP 52) and of names (``btpk``, BEP 46), ``/ipfs/``,
``ipns://`` and ``dht://`` paths, and libp2p peer ids.

Nearly all forms say what they are. Bare digits do not: forty of them may be an infohash or the key
of an item, sixty-four a public key or a v2 infohash. The caller says which readings make sense to
it (``get`` has no use for an infohash), the user can settle the matter with ``--as``, and whatever
could still mean two things is an error that lists both. Nothing is guessed.

Each form is tried by its unmistakable mark, so that an error can speak of the form that was meant.
"""

from __future__ import annotations

import re
from base64 import b32decode
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote_to_bytes

from dht.codec import cid as cids
from dht.codec import multihash
from dht.codec.varint import MalformedError
from dht.names.address import Address, AddressError, Kind, item_of, name, torrent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Reading(StrEnum):
    """What bare digits can be taken for (the values of ``--as``)."""

    INFOHASH = "infohash"
    KEY = "key"
    ITEM = "item"
    CID = "cid"


MAX_TEXT: Final = 16_384
"""Characters: magnet links with many trackers reach a few thousand; beyond this it is a mistake,
such as a file's content in place of its name."""
_MAX_FIELDS: Final = 1_000
_MAX_SHOWN: Final = 40
"""Characters of a wrong text that an error repeats."""

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_BASE32_SHA1: Final = re.compile(r"[a-zA-Z2-7]{32}")
_SCHEME: Final = re.compile(r"(?:/|dweb:/)?(ipfs|ipns|p2p|dht)(?:/|://)(.*)", re.DOTALL)
_SHORTEST_KEY: Final = 32
"""Bytes of a SHA-256 digest; keys themselves are longer in their protobuf wrapping."""
_HELP: Final = (
    "give a CID (bafy..., Qm...), a name (k51...), a magnet link, "
    "or an infohash or key in hexadecimal"
)


def _raw(code: int) -> Callable[[bytes], Address]:
    """Make the reader of a bare digest as content of unknown format."""
    return lambda digest: Address(cids.make(cids.RAW, multihash.encode(code, digest)))


_READERS: Final[Mapping[int, Mapping[Reading, Callable[[bytes], Address]]]] = {
    20: {
        Reading.INFOHASH: torrent,
        Reading.ITEM: item_of,
        Reading.CID: _raw(multihash.SHA1),
    },
    32: {
        Reading.INFOHASH: torrent,
        Reading.KEY: name,
        Reading.CID: _raw(multihash.SHA2_256),
    },
}
_KINDS: Final[Mapping[Reading, Kind]] = {
    Reading.INFOHASH: Kind.TORRENT,
    Reading.KEY: Kind.NAME,
    Reading.ITEM: Kind.ITEM,
}
_MEANINGS: Final[Mapping[Reading, str]] = {
    Reading.INFOHASH: "a torrent's infohash",
    Reading.KEY: "a public key",
    Reading.ITEM: "the key of an immutable item",
    Reading.CID: "the digest of a CID",
}


def parse(text: str, as_: str | None = None, *, expect: Iterable[Reading] = ()) -> Address:
    """Read an address in any form.

    Args:
        text: What the user typed.
        as_: How the user says bare digits are to be read: a value of :class:`Reading`. A form
            that says itself what it is must not contradict it.
        expect: The readings of bare digits that make sense to the caller, when the user did not
            say. Without any, digits that could mean two things are refused.

    Raises:
        AddressError: It names nothing; the error says why, its hint what to type.
    """
    wanted = _wanted(as_)
    text = text.strip()
    if not 0 < len(text) <= MAX_TEXT:
        raise AddressError("an address is neither empty nor this long", _HELP)
    try:
        digits = _bare_digits(text)
        if digits is not None:
            return _read_digits(text, digits, [wanted] if wanted else list(expect))
        found = _read_form(text, wanted)
    except (MalformedError, UnicodeError) as error:
        raise AddressError(f"{_shortened(text)} is not an address: {error}", _HELP) from error
    if wanted is not None and found.kind is not _KINDS.get(wanted, found.kind):
        raise AddressError(
            f"{_shortened(text)} says itself that it is {_described(found.kind)}, "
            f"so it cannot be read as {_MEANINGS[wanted]}",
            "leave out --as",
        )
    return found


def parse_magnet(link: str) -> tuple[Address, ...]:
    """Read all addresses of a magnet link: those of a hybrid torrent v1 first, then v2.

    Raises:
        AddressError: It links to nothing that a DHT knows.
    """
    try:
        fields = parse_qs(link[:MAX_TEXT].partition("?")[2], max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise AddressError(f"the magnet link has more than {_MAX_FIELDS} fields") from error
    # BEP 9 lets several topics be numbered: xt.1, xt.2.
    urns = [urn for field, values in fields.items() if field[:2] in ("xt", "xs") for urn in values]
    salt = fields.get("s", [""])[0]
    found = [address for urn in urns if (address := _read_urn(urn, salt)) is not None]
    if not found:
        raise AddressError(
            "the magnet link has no topic of BitTorrent",
            "it should contain xt=urn:btih:, xt=urn:btmh: or xs=urn:btpk:",
        )
    # v1 first: every client of the swarm is found there, v2-only ones are rare.
    return tuple(sorted(set(found), key=lambda address: (len(address.digest), str(address))))


def _wanted(as_: str | None) -> Reading | None:
    """Check what the user gave as ``--as``."""
    if as_ is None:
        return None
    try:
        return Reading(as_)
    except ValueError:
        choices = ", ".join(Reading)
        raise AddressError(f"nothing can be read as {as_!r}", f"choose from {choices}") from None


def _bare_digits(text: str) -> bytes | None:
    """The bytes of bare hexadecimal or base32 digits; ``None`` if the text is something else."""
    if _HEX.fullmatch(text) and len(text) in (40, 64):
        return bytes.fromhex(text)
    if _BASE32_SHA1.fullmatch(text) and not _is_cid(text):
        return b32decode(text.upper())
    return None


def _is_cid(text: str) -> bool:
    """Whether 32 letters are a CID: an identity CID of 15 bytes is just as long as an infohash.

    An infohash looks like one by accident once in some 2^40 cases; then ``urn:btih:`` helps.
    """
    try:
        cids.parse_untrusted(text)
    except MalformedError:
        return False
    return True


def _read_digits(text: str, digits: bytes, wanted: list[Reading]) -> Address:
    """Read bare digits in the only way that is wanted and fits their number."""
    readers = _READERS[len(digits)]
    # A bare digest may always be of some CID; only who asks for that reading gets it.
    possible = wanted or [reading for reading in readers if reading is not Reading.CID]
    fitting = [reading for reading in possible if reading in readers]
    if len(fitting) == 1:
        return readers[fitting[0]](digits)
    if fitting:
        meanings = " or ".join(_MEANINGS[reading] for reading in fitting)
        options = " or ".join(f"--as {reading}" for reading in fitting)
        raise AddressError(f"{_shortened(text)} may be {meanings}", f"say which with {options}")
    meanings = " or ".join(_MEANINGS[reading] for reading in possible)
    lengths = " or ".join(
        str(2 * size) for size, table in _READERS.items() if set(possible) & set(table)
    )
    raise AddressError(
        f"{_shortened(text)} cannot be {meanings}: that takes {lengths} hexadecimal digits", _HELP
    )


def _read_form(text: str, wanted: Reading | None) -> Address:
    """Read a form that says itself what it is."""
    if text.lower().startswith("magnet:"):
        return parse_magnet(text)[0]
    if text.lower().startswith("urn:"):
        found = _read_urn(text, "")
        if found is None:
            raise MalformedError("no DHT knows this kind of URN")
        return found
    if _HEX.fullmatch(text) and text[0] not in "fF":
        # "f" begins a CID in hexadecimal.
        raise MalformedError(
            f"it has {len(text)} hexadecimal digits, where an infohash or an item's key has 40, "
            "and a public key or a v2 infohash 64"
        )
    scheme = _SCHEME.fullmatch(text)
    if scheme:
        return _read_path(scheme[1], scheme[2])
    return _read_name(text, as_peer=wanted is Reading.KEY)


def _read_path(scheme: str, rest: str) -> Address:
    """Read what follows ``/ipfs/`` and its like."""
    found = _read_name(rest.rstrip("/"), as_peer=scheme != "ipfs")
    if scheme == "ipfs" or found.kind is Kind.NAME:
        return found
    raise MalformedError(f"/{scheme}/ is followed by a name, and this is {_described(found.kind)}")


def _read_name(text: str, *, as_peer: bool) -> Address:
    """Read a CID or a peer id, and after a slash the salt of a name.

    ``as_peer``: ``Qm...`` is both a CID of version 0 and the peer id of an RSA key; take it for
    the latter.
    """
    word, slash, salt = text.partition("/")
    if word.startswith("1") or (as_peer and word.startswith("Qm")):
        hashed = multihash.parse_base58_untrusted(word)
        found = Address(cids.make(cids.LIBP2P_KEY, hashed.encode()))
    else:
        found = Address(cids.parse_untrusted(word))
    if found.kind is Kind.NAME and len(found.digest) < _SHORTEST_KEY:
        # An identity multihash with less in it than any key; short words look like that.
        raise MalformedError("it holds neither a public key nor the hash of one")
    if not slash:
        return found
    if found.kind is not Kind.NAME:
        raise AddressError(
            f"{_shortened(word)} is {_described(found.kind)}, and only a name has something "
            "after a slash",
            f"give {_shortened(word)} alone",
        )
    # Arguments that are not UTF-8 reach us with their bytes escaped as surrogates (PEP 383).
    return found.with_salt(unquote_to_bytes(salt.encode("utf-8", "surrogateescape")))


def _read_urn(urn: str, salt: str) -> Address | None:
    """Read a topic of a magnet link; ``None`` if it is of another network."""
    scheme, _, digits = urn.rpartition(":")
    reader = _URNS.get(scheme.lower())
    if reader is None:
        return None
    try:
        return reader(digits, salt)
    except ValueError as error:
        raise AddressError(f"{_shortened(urn)} is malformed: {error}", _HELP) from error


def _read_btih(digits: str, _salt: str) -> Address:
    """BEP 9: forty hexadecimal digits, or 32 of base32."""
    if len(digits) == 40 and _HEX.fullmatch(digits):  # noqa: PLR2004
        return torrent(bytes.fromhex(digits))
    if _BASE32_SHA1.fullmatch(digits):
        return torrent(b32decode(digits.upper()))
    raise MalformedError(
        "after urn:btih: come 40 hexadecimal digits, or 32 of base32 (A to Z, 2 to 7), "
        f"and not {_what_else(digits)}"
    )


def _what_else(digits: str) -> str:
    """What stands where an infohash should: the reader can count, but should not have to."""
    kind = "hexadecimal digits" if _HEX.fullmatch(digits) else "characters"
    return f"{len(digits)} {kind}" if digits else "nothing"


def _read_btmh(digits: str, _salt: str) -> Address:
    """BEP 52: the v2 infohash as a multihash in hexadecimal."""
    if not _HEX.fullmatch(digits):
        raise MalformedError(
            f"after urn:btmh: come hexadecimal digits, and not {_what_else(digits)}"
        )
    hashed = multihash.decode_untrusted(bytes.fromhex(digits))
    if hashed.code != multihash.SHA2_256 or len(hashed.digest) != 32:  # noqa: PLR2004
        raise MalformedError("a v2 infohash is a whole sha2-256")
    return torrent(hashed.digest)


def _read_btpk(digits: str, salt: str) -> Address:
    """BEP 46: the public key, and beside it the salt, in hexadecimal."""
    return name(bytes.fromhex(digits), bytes.fromhex(salt))


_URNS: Final[Mapping[str, Callable[[str, str], Address]]] = {
    "urn:btih": _read_btih,
    "urn:btmh": _read_btmh,
    "urn:btpk": _read_btpk,
}


def _described(kind: Kind) -> str:
    """Name a kind in a sentence."""
    return {
        Kind.ITEM: "an immutable item",
        Kind.TORRENT: "a torrent",
        Kind.CONTENT: "content",
        Kind.NAME: "a name",
    }[kind]


def _shortened(text: str) -> str:
    """Quote what was typed, without flooding the terminal or moving its cursor."""
    shown = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
    return "".join(char if char.isprintable() else "?" for char in shown)
