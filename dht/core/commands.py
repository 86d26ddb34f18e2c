"""What the owner of an engine may ask of it.

Commands that start an operation carry an ``operation`` number chosen by the caller (unique among
the engine's running operations); every effect of that operation repeats it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dht.core.messages import message

if TYPE_CHECKING:
    from dht.core.effects import Held, Hosted
    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint, Provider, Record, Request


@message
class Walk:
    """Find the closest live contacts to ``target``. Found: each contact that answers."""

    operation: int
    target: Key
    paths: int = 1


@message
class Retrieve:
    """Read the record of ``key``. Found: each valid record that is better than those before.

    An immutable record ends the operation at once; of a mutable one the walk goes on to the
    closest contacts, since any of them may hold a newer version. ``min_seq`` asks for versions
    after that one.
    """

    operation: int
    key: Key
    salt: bytes = b""
    min_seq: int | None = None
    paths: int = 1


@message
class Publish:
    """Store ``record`` on the k closest live contacts.

    With ``region``: on every live contact whose key shares that many leading bits with the
    record's, and at least on the k closest.
    """

    operation: int
    record: Record
    cas: int | None = None
    paths: int = 1
    region: int | None = None


@message
class Locate:
    """Find providers of ``key``. Found: each provider once; with ``scrape`` each Scrape."""

    operation: int
    key: Key
    scrape: bool = False
    paths: int = 1


@message
class Provide:
    """Announce ``provider`` under ``key`` to the k closest live contacts (or the region)."""

    operation: int
    key: Key
    provider: Provider
    paths: int = 1
    region: int | None = None


@message
class Survey:
    """Walk towards ``target`` asking for samples (BEP 51). Found: each Samples."""

    operation: int
    target: Key


@message
class Ask:
    """Send one request to one endpoint. Found: what it said; evidence tells if it answered."""

    operation: int
    endpoint: Endpoint
    request: Request


@message
class Stop:
    """End ``operation`` now; it still finishes, with the evidence so far."""

    operation: int


@message
class Bootstrap:
    """Join through ``endpoints`` (whose keys are unknown) and walk to our own key.

    Found: contacts that answer. Finished when the walk is over; complete tells whether anybody
    answered at all.
    """

    operation: int
    endpoints: tuple[Endpoint, ...]


@message
class Learn:
    """Contacts heard of outside this engine: a saved table, the engine of the other family.

    They are asked before they are believed.
    """

    contacts: tuple[Contact, ...]


@message
class Promise:
    """Keep this published: now if ``due`` is past, then every time the policy says.

    ``what`` is a record, or a provider under a key. ``promise`` names it in Kept effects.
    """

    promise: int
    key: Key
    what: Record | Provider
    due: float


@message
class Withdraw:
    """Stop keeping ``promise``."""

    promise: int


@message
class Restore:
    """Take back what was persisted in an earlier life (ages already converted to our clock)."""

    held: tuple[Held, ...] = ()
    hosted: tuple[Hosted, ...] = ()


@message
class Rekey:
    """Our key is now ``key``: the table is rearranged, nothing is forgotten."""

    key: Key


Command: TypeAlias = (
    Walk
    | Retrieve
    | Publish
    | Locate
    | Provide
    | Survey
    | Ask
    | Stop
    | Bootstrap
    | Learn
    | Promise
    | Withdraw
    | Restore
    | Rekey
)
