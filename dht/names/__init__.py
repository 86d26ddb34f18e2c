"""Names of everything that can be found in a DHT: addresses, and how people write them."""

from dht.names.address import (
    Address,
    AddressError,
    Kind,
    amino_key_of,
    content,
    item,
    item_of,
    name,
    peer,
    torrent,
)
from dht.names.reading import Reading, parse, parse_magnet

__all__ = [
    "Address",
    "AddressError",
    "Kind",
    "Reading",
    "amino_key_of",
    "content",
    "item",
    "item_of",
    "name",
    "parse",
    "parse_magnet",
    "peer",
    "torrent",
]
