"""What a swarm wants done. Every door of the swarm returns a list of these, in order.

The swarm never acts: a shell (the trio session, or the simulator's heap) performs the effects and
brings back what came of them through ``connected``, ``unreachable``, ``verified`` and ``begin``.

What goes out on a connection is *pulled*, not carried by effects: ``Ready`` says that a link has
something to write, and the shell asks for it when the socket and the limits allow. So a slow
socket holds back the swarm's uploads without a queue of blocks in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from dht.core.messages import message

if TYPE_CHECKING:
    from torrent.core.metainfo import Info

Endpoint: TypeAlias = tuple[str, int]
"""Where a peer is reached: the host as text (IPv4 or IPv6), and the port."""


class Buffers(Protocol):
    """The pool that pieces are put together in. The shell owns it, and bounds its bytes."""

    @property
    def refused(self) -> int:
        """How often it was empty when somebody asked: so a swarm sees that others are short."""
        ...

    def acquire(self, size: int) -> memoryview | None:
        """A writable buffer of ``size`` bytes; ``None`` if the pool is empty (try later)."""
        ...

    def release(self, buffer: memoryview) -> None:
        """Give back what ``acquire`` lent, the very same object."""
        ...


@message
class Verdict:
    """What came of a :class:`Verify`.

    Attributes:
        ok: The piece is what the torrent says, and is stored.
        digests: The SHA-256 of each block, where the piece is bad or they were wanted (for v2
            these are its leaves). May be empty where they are not.
        error: The piece was good but could not be stored: our disk is at fault, and nobody else.
    """

    ok: bool
    digests: tuple[bytes, ...] = ()
    error: str | None = None


@message
class Ready:
    """Link ``link`` has something to write: call ``output`` and ``uploads`` until both are dry."""

    link: int


@message
class Close:
    """Close the connection ``link``; the swarm has forgotten it. ``reason`` is for the log."""

    link: int
    reason: str


@message
class Dial:
    """Connect to ``endpoint``, then call ``connected`` or ``unreachable``."""

    endpoint: Endpoint


@message
class Verify:
    """Hash ``buffer``, store it as ``piece`` if it is good, release it, call ``verified``.

    ``digests``: the SHA-256 of each block is wanted even if the piece is good, because an earlier
    copy of it was bad and whoever sent other blocks than these lied.
    """

    piece: int
    buffer: memoryview
    digests: bool = False


@message
class Learned:
    """A magnet's metadata is complete and verified. Prepare the storage, then call ``begin``."""

    info: Info


@message
class Unusable:
    """A magnet's metadata is what its hash says, and nothing that can be downloaded: ``reason``."""

    reason: str


@message
class HashPiece:
    """A peer asks for v2 leaves: read ``piece``, hash its blocks (SHA-256), call ``hashed``."""

    piece: int


@message
class Passed:
    """``piece`` was verified; others are told that we have it."""

    piece: int


@message
class Failed:
    """``piece`` was false. ``culprits`` are the hosts known to have lied; it is fetched anew."""

    piece: int
    culprits: tuple[str, ...]


@message
class Completed:
    """Everything wanted has passed."""


@message
class Banned:
    """``host`` was caught: its connections are closed and it is not let in again."""

    host: str
    reason: str


@message
class DhtNode:
    """A peer said where its DHT node listens (BEP 5's ``port``)."""

    endpoint: Endpoint


@message
class Stuck:
    """``piece`` could not be stored: ``error`` says why. It is fetched again after Resume."""

    piece: int
    error: str


Effect: TypeAlias = (
    Ready
    | Close
    | Dial
    | Verify
    | Learned
    | Unusable
    | HashPiece
    | Passed
    | Failed
    | Completed
    | Banned
    | DhtNode
    | Stuck
)
