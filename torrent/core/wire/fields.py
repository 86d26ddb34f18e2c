"""Reading the dictionaries that extension messages are made of.

The envelope is read leniently (unsorted and repeated keys, keys nobody knows), because that is
what the network sends. The values are read strictly: a field of the wrong type is a broken client
or a liar, and either way there is nothing to be had from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.codec.bencode import decode_untrusted
from torrent.errors import WireError

if TYPE_CHECKING:
    from dht.codec.bencode import Envelope


def read_fields(payload: bytes, what: str) -> Envelope:
    """The dictionary ``payload`` is; ``what`` names the message in the error.

    Raises:
        WireError: It is none.
    """
    fields = decode_untrusted(payload)
    if fields is None:
        raise WireError(f"the peer's {what} is not a bencoded dictionary")
    return fields


def optional_integer(fields: Envelope, key: bytes, what: str) -> int | None:
    """The integer under ``key``; ``None`` if there is none.

    Raises:
        WireError: There is something else.
    """
    value = fields.get(key)
    if value is not None and type(value) is not int:
        raise WireError(f"the peer's {what} has a `{key.decode()}` that is not an integer")
    return value


def integer(fields: Envelope, key: bytes, most: int, what: str) -> int:
    """The integer from 0 to ``most`` under ``key``.

    Raises:
        WireError: There is something else, or nothing.
    """
    value = optional_integer(fields, key, what)
    if value is None or not 0 <= value <= most:
        raise WireError(f"the peer's {what} needs a `{key.decode()}` from 0 to {most}")
    return value


def string(fields: Envelope, key: bytes, what: str) -> bytes:
    """The string under ``key``, empty if there is none.

    Raises:
        WireError: There is something else.
    """
    value = fields.get(key, b"")
    if type(value) is not bytes:
        raise WireError(f"the peer's {what} has a `{key.decode()}` that is not a string")
    return value
