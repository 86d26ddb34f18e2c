"""BEP 10's extension handshake: what a peer speaks beyond the core, and some facts about it.

"The payload of the handshake message is a bencoded dictionary. All items in the dictionary are
optional. Any unknown names should be ignored by the client." It may come more than once: later
ones add to the first, and an extension whose number is now 0 is switched off.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from dht.codec.bencode import encode
from dht.core.messages import message
from dht.mainline.compact import pack_host, unpack_host
from torrent.core.wire.fields import optional_integer, read_fields, string
from torrent.errors import WireError

if TYPE_CHECKING:
    from dht.codec.bencode import Envelope

MAX_METADATA: Final = 32 << 20
"""Bytes of an info dictionary. libtorrent takes 30 MiB by default, rqbit 32; a terabyte in pieces
of 1 MiB has 20 MiB of hashes."""

MAX_EXTENSIONS: Final = 64
"""Names remembered of one peer; the busiest clients list ten."""

_MAX_NAME: Final = 64
_MAX_REQQ: Final = 1 << 16
_MAX_CLIENT: Final = 64
_MAPPED: Final = bytes(10) + b"\xff\xff"
_WHAT: Final = "extension handshake"


@message
class ExtensionHandshake:
    """What the sender speaks and who it is. What it did not say is ``None``.

    Attributes:
        extensions: For each extension, the number that messages *to the sender* must carry; 0 for
            one it has switched off.
        client: Name and version, for people: printable, at most 64 characters.
        port: The TCP port it listens at.
        reqq: Requests it lets wait "without dropping any".
        yourip: The receiver's address as the sender sees it.
        ipv4: An address of the sender's, so that it can be told about over the other family.
        ipv6: Likewise.
        metadata_size: Bytes of the info dictionary (BEP 9), if it has that.
        upload_only: It downloads nothing: a seed, or a partial one (BEP 21).
    """

    extensions: dict[str, int] = field(default_factory=dict)
    client: str | None = None
    port: int | None = None
    reqq: int | None = None
    yourip: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    metadata_size: int | None = None
    upload_only: bool | None = None


def read_extension_handshake(payload: bytes) -> ExtensionHandshake:
    """Read the payload of extended message 0.

    Numbers and addresses that mean nothing (port 0, an address of five bytes) count as not said.

    Raises:
        WireError: It is no dictionary, a field has the wrong type, an extension's number is no
            byte, or the metadata is larger than :data:`MAX_METADATA`.
    """
    fields = read_fields(payload, _WHAT)
    upload_only = optional_integer(fields, b"upload_only", _WHAT)
    return ExtensionHandshake(
        extensions=_extensions(fields.get(b"m", {})),
        client=_printable(string(fields, b"v", _WHAT)),
        port=_within(fields, b"p", 0xFFFF),
        reqq=_within(fields, b"reqq", _MAX_REQQ),
        yourip=_address(fields, b"yourip", 4, 16),
        ipv4=_address(fields, b"ipv4", 4),
        ipv6=_address(fields, b"ipv6", 16),
        metadata_size=_metadata_size(fields),
        upload_only=None if upload_only is None else upload_only != 0,
    )


def encode_extension_handshake(greeting: ExtensionHandshake) -> bytes:
    """The payload of extended message 0; what is ``None`` is not said."""
    fields: dict[bytes, Any] = {
        b"m": {name.encode(): number for name, number in greeting.extensions.items()},
        b"v": greeting.client and greeting.client.encode(),
        b"p": greeting.port,
        b"reqq": greeting.reqq,
        b"yourip": greeting.yourip and pack_host(greeting.yourip),
        b"ipv4": greeting.ipv4 and pack_host(greeting.ipv4),
        b"ipv6": greeting.ipv6 and pack_host(greeting.ipv6),
        b"metadata_size": greeting.metadata_size,
        b"upload_only": None if greeting.upload_only is None else int(greeting.upload_only),
    }
    return encode({key: value for key, value in fields.items() if value is not None})


def _extensions(table: object) -> dict[str, int]:
    """Read ``m``: "names of extensions to an extended message ID for each extension"."""
    if type(table) is not dict:
        raise WireError(f"the peer's {_WHAT} has an `m` that is not a dictionary")
    known: dict[str, int] = {}
    for name, number in table.items():
        if type(number) is not int or not 0 <= number <= 0xFF:  # noqa: PLR2004
            raise WireError(f"the peer's {_WHAT} has an `m` with a number that is not a byte")
        if len(known) < MAX_EXTENSIONS and len(name) <= _MAX_NAME:
            known[name.decode("utf-8", "replace")] = number
    return known


def _metadata_size(fields: Envelope) -> int | None:
    """Read ``metadata_size``; some clients say 0 while they have none."""
    size = optional_integer(fields, b"metadata_size", _WHAT) or None
    if size is not None and not 0 < size <= MAX_METADATA:
        raise WireError(
            f"the peer's {_WHAT} has a `metadata_size` beyond the {MAX_METADATA} bytes we take"
        )
    return size


def _within(fields: Envelope, key: bytes, most: int) -> int | None:
    """Read a positive number; a greater one counts as ``most``, but a port is a port."""
    value = optional_integer(fields, key, _WHAT)
    if value is None or value <= 0 or (key == b"p" and value > most):
        return None
    return min(value, most)


def _address(fields: Envelope, key: bytes, *sizes: int) -> str | None:
    """Read an address; one that is an IPv4 address in IPv6's clothes is undressed."""
    packed = string(fields, key, _WHAT).removeprefix(_MAPPED)
    return unpack_host(packed) if len(packed) in sizes else None


def _printable(name: bytes) -> str | None:
    """A client's name that is safe to show: no control characters, no novel."""
    text = name[: 4 * _MAX_CLIENT].decode("utf-8", "replace")
    return "".join(filter(str.isprintable, text))[:_MAX_CLIENT] or None
