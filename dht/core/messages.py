"""What nodes say to each other, in the words of the field and of no dialect.

A dialect (``dht.mainline`` and its siblings) translates these to and from bytes; the core only
ever sees them. Each request is answered by one :class:`Answer` or one :class:`Refusal`.

Every class here is a value: frozen for the type checker, plain slots at run time. A truly frozen
dataclass costs three times as much to make (each field goes through ``object.__setattr__``), and
a node under load makes half a million of them a second.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from dht.core.keys import Key

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True)
def message(cls: type[_T]) -> type[_T]:
    """Make ``cls`` a slotted, hashable value that the type checker treats as frozen."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


Endpoint: TypeAlias = Hashable
"""Where a node is reached. Opaque to the core: a dialect's policy says how endpoints compare.
Mainline uses ``(host, port)``; Amino will use a tuple of multiaddrs."""


@message
class Contact:
    """A node as others know it: a key, and where it was last reached."""

    key: Key
    endpoint: Endpoint


@message
class Origin:
    """Who a message came from, as far as the shell can tell.

    Attributes:
        key: The key the sender claims (or proved, if ``authenticated``); ``None`` if it gave none.
        endpoint: Where the message came from.
        handle: For a request, what the shell needs to reply to it. For an answer, the ``id`` of
            the :class:`~dht.core.effects.Call` it answers. The core only hands it back.
        serves: False for senders that answer no requests (BEP 43's ``ro``, libp2p's client mode):
            they never enter a table.
        authenticated: The transport proved ``key``.
    """

    key: Key | None
    endpoint: Endpoint
    handle: object
    serves: bool = True
    authenticated: bool = False


@message
class Record:
    """A value under a key. The policy's record rules know what makes it valid.

    Attributes:
        key: Where it lives.
        value: The value's exact bytes: for Mainline the bencoded ``v`` as received.
        seq: The version; ``None`` for an immutable record.
        signer: The public key that signed it, for records that are signed apart.
        salt: What separates several records of one signer (BEP 44).
        signature: The signature over salt, seq and value.
    """

    key: Key
    value: bytes
    seq: int | None = None
    signer: bytes = b""
    salt: bytes = b""
    signature: bytes = b""


@message
class Provider:
    """One who has the content of a key.

    Attributes:
        endpoint: Where it serves the content, which is not where its DHT node listens.
        seed: It said that it has all of it (BEP 33).
    """

    endpoint: Endpoint
    seed: bool = False


@message
class Scrape:
    """Bloom filters that count a swarm (BEP 33), as opaque bytes of the dialect."""

    seeds: bytes
    peers: bytes


@message
class Samples:
    """A random sample of the keys a node holds providers for (BEP 51).

    Attributes:
        keys: The sample.
        total: How many keys it holds in all.
        interval: Seconds until asking again gives another sample.
    """

    keys: tuple[Key, ...]
    total: int
    interval: float


# Requests.


@message
class Ping:
    """Are you there?"""


@message
class FindNode:
    """Which contacts do you know closest to ``target``?

    ``families`` names the address families asked for (BEP 32's ``want``); empty means the one
    the request came by.
    """

    target: Key
    families: frozenset[str] = frozenset()


@message
class Get:
    """Do you hold the record of ``key``? Else, who is closer?

    ``min_seq``: do not send a version that is not newer than this (BEP 44). ``salt`` does not
    travel: the dialect needs it to check the answer.
    """

    key: Key
    min_seq: int | None = None
    salt: bytes = b""
    families: frozenset[str] = frozenset()


@message
class Put:
    """Hold this record. ``cas``: only if the version you hold is this one."""

    record: Record
    ticket: bytes | None = None
    cas: int | None = None


@message
class Providers:
    """Who provides ``key``? With ``scrape``, also how many (BEP 33)."""

    key: Key
    scrape: bool = False
    families: frozenset[str] = frozenset()


@message
class Announce:
    """Remember that ``provider`` has the content of ``key``."""

    key: Key
    provider: Provider
    ticket: bytes | None = None


@message
class Sample:
    """Which keys do you hold providers for (BEP 51)? Else, who is closer to ``target``?"""

    target: Key
    families: frozenset[str] = frozenset()


Request: TypeAlias = Ping | FindNode | Get | Put | Providers | Announce | Sample


# Answers.


@message
class Answer:
    """A successful answer to any request; what does not apply stays empty.

    Attributes:
        closer: The closest contacts the answerer knows, in no particular order.
        record: The record asked for.
        seq: The version held, also when it was not newer than ``min_seq`` and so not sent.
        providers: Who provides the key.
        ticket: Leave to write under the key asked for; ``None`` if the network has no tickets or
            the answerer is full.
        extra: What only some requests ask for.
    """

    closer: tuple[Contact, ...] = ()
    record: Record | None = None
    seq: int | None = None
    providers: tuple[Provider, ...] = ()
    ticket: bytes | None = None
    extra: Scrape | Samples | None = None


@message
class Refusal:
    """The request was understood and not done. Codes are BEP 5's and BEP 44's."""

    code: int
    reason: str


Response: TypeAlias = Answer | Refusal
