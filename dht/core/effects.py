"""What an engine wants done. Every door of the engine returns a list of these, in order.

The engine never acts: a shell (the trio node, or the simulator's heap) performs the effects and
brings back what came of them through ``receive``, ``failed`` and ``persisted``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dht.core.messages import message

if TYPE_CHECKING:
    from dht.core.keys import Key
    from dht.core.messages import (
        Contact,
        Endpoint,
        Provider,
        Record,
        Refusal,
        Request,
        Response,
        Samples,
        Scrape,
    )


@message
class Call:
    """Send ``request`` to ``to``; bring its answer back with ``Origin.handle == id``."""

    id: int
    to: Endpoint
    request: Request


@message
class Cancel:
    """Nobody waits for call ``id`` any more: forget its transaction."""

    id: int


@message
class Reply:
    """Send ``response`` to the request that came with ``handle``."""

    handle: object
    response: Response


@message
class Found:
    """Operation ``operation`` met something on its way; more may follow until it finishes.

    ``source`` is the contact that said so; records were validated before they are found.
    """

    operation: int
    item: Record | Provider | Scrape | Samples | Contact
    source: Contact


@message
class Evidence:
    """What an operation did and what came of it, so that failure can explain itself.

    Attributes:
        asked: Contacts that were sent a request.
        answered: Those that answered.
        silent: Those that were given up on.
        requests: All requests sent, the writes included.
        closest: The closest live contacts at the end, nearest first, at most k.
        holders: Contacts that had the record (reading) or took it (writing).
        refusals: Who refused, and why.
        complete: The stop rule was met: the policy's closest live contacts have all answered
            (all there are, where fewer live contacts are known than the policy asks for). False
            if nobody answered, a bound was reached, or the operation was stopped before.
        started: When the operation began, in the engine's seconds.
        ended: When it ended.
        forged: How many records were received that are not what their key stands for.
        hops: How many steps away the closest of all was found: 1 if it stood in our table.
    """

    asked: int
    answered: int
    silent: int
    requests: int
    closest: tuple[Contact, ...]
    holders: tuple[Contact, ...]
    refusals: tuple[tuple[Contact, Refusal], ...]
    complete: bool
    started: float
    ended: float
    forged: int = 0
    hops: int = 0


@message
class Finished:
    """Operation ``operation`` is over."""

    operation: int
    evidence: Evidence


@message
class Held:
    """Change to persist: this record is held, received at ``at``."""

    record: Record
    at: float


@message
class Hosted:
    """Change to persist: ``provider`` was announced under ``key`` at ``at``."""

    key: Key
    provider: Provider
    at: float


@message
class Erased:
    """Change to persist: the record of ``key`` is gone (expired or evicted)."""

    key: Key


@message
class Unhosted:
    """Change to persist: ``provider`` under ``key`` is gone (expired or evicted)."""

    key: Key
    provider: Provider


Change: TypeAlias = Held | Hosted | Erased | Unhosted


@message
class Persist:
    """Make ``changes`` durable, then call ``persisted(id, now)``.

    The reply to a write is held back until then, so that what was acknowledged is committed.
    A shell without a disk calls ``persisted`` at once.
    """

    id: int
    changes: tuple[Change, ...]


@message
class Kept:
    """Promise ``promise`` was renewed (or the attempt failed: no holders in the evidence)."""

    promise: int
    evidence: Evidence


@message
class Foreign:
    """Contacts of another address family came up: the engine of that family may want them."""

    contacts: tuple[Contact, ...]


@message
class Changed:
    """The routing table gained (``added``) or lost a contact."""

    contact: Contact
    added: bool


Effect: TypeAlias = Call | Cancel | Reply | Found | Finished | Persist | Kept | Foreign | Changed
