"""Where peers come from: the one protocol that DHT, trackers and local discovery share.

A session hands a torrent to each of its sources and a callback for what they find; it need not
know how any of them works. A source runs until it is cancelled, and says goodbye to the network
then, if its network has a word for that. What a torrent lets its sources know is
:class:`Announced`, and no more.

Which sources a *private* torrent may have (BEP 27: its trackers alone) is for the session to
decide, by not asking the others; ``private`` is there so that a source that should never have
been asked can refuse as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Endpoint: TypeAlias = tuple[str, int]
"""Where a peer listens: a host in the operating system's spelling, and a TCP port."""

Found: TypeAlias = "Callable[[Iterable[Endpoint], str], None]"
"""Called with peers and the name of the source that found them (``"dht"``, a tracker's URL)."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a torrent has moved, as trackers are told it.

    Attributes:
        uploaded: Bytes of payload sent to peers since the torrent was started.
        downloaded: Bytes of payload received since then, discarded ones included (BEP 3).
        left: Bytes that are still to be had. BEP 21: those of unselected files count.
        complete: Nothing is left.
    """

    uploaded: int = 0
    downloaded: int = 0
    left: int = 0
    complete: bool = False


class Announced(Protocol):
    """What a source may know of a torrent."""

    @property
    def infohashes(self) -> tuple[bytes, ...]:
        """The 20-byte forms: v1's SHA-1, v2's SHA-256 cut short (BEP 52), a hybrid's both."""
        ...

    @property
    def peer_id(self) -> bytes:
        """How we call ourselves in this swarm: 20 bytes (BEP 20)."""
        ...

    @property
    def port(self) -> int:
        """The TCP port we listen on; 0 if we do not."""
        ...

    @property
    def private(self) -> bool:
        """Peers come from the torrent's trackers alone (BEP 27)."""
        ...

    def statistics(self) -> Transfer:
        """What was moved up to now."""
        ...

    async def wait_completed(self) -> None:
        """Return when nothing is left; at once if that is so already."""
        ...


class PeerSource(Protocol):
    """Finds peers for a torrent."""

    @property
    def exhausted(self) -> bool:
        """Whether everybody it can ask has been asked, so that more time brings nobody new soon.

        Not that there is nobody: what was found went to the session. A source whose silence
        proves nothing says no.
        """
        ...

    async def run(self, torrent: Announced, found: Found) -> None:
        """Announce ``torrent`` and hand over who else has it, until cancelled.

        Trouble of the network is not raised; a source goes on trying.
        """
        ...
