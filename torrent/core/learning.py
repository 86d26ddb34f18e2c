"""A magnet's metadata: learned from peers, believed for its hash, and taught to others (BEP 9).

How pieces become a whole, and who is to blame when they do not, is the business of
:mod:`torrent.core.metadata`. Here is decided whom to ask: every peer that says how large the
metadata is, together with those who say the same. Liars about the size so end up among
themselves; an assembly is dropped when nobody is left who believes in it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from torrent.core.effects import Unusable
from torrent.core.metadata import MetadataAssembly, serve
from torrent.core.metainfo import read_info
from torrent.core.wire import MetadataReject, MetadataRequest
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.commons import Commons
    from torrent.core.metainfo import Info
    from torrent.core.peer import Peer
    from torrent.core.wire import MetadataData

MAX_SIZES: Final = 4
"""Sizes believed in at a time. Each can cost its 32 MiB, which liars would have to send."""
MAX_UNREAD: Final = 1 << 18
"""Bytes that may wait for a peer before we refuse it more metadata."""


class Learning:
    """Asks for metadata as long as we have none, and serves it once we do.

    Attributes:
        learned: Told of the info dictionary, once it is known and read.
    """

    def __init__(self, commons: Commons) -> None:
        self.commons = commons
        self.learned: list[Callable[[Info, float], None]] = []
        self._assemblies: dict[int, MetadataAssembly] = {}
        self._asked: Counter[int] = Counter()
        self._over = False
        commons.partings.append(self._parted)

    # Teaching.

    def request(self, peer: Peer, said: MetadataRequest, now: float) -> None:
        """It wants a piece of the metadata."""
        info = self.commons.info
        if info is None or len(peer.out) > MAX_UNREAD:
            self.commons.tell(peer, MetadataReject(said.piece), now)
        else:
            self.commons.tell(peer, serve(info.raw, said.piece), now)

    # Learning.

    @property
    def _learning(self) -> bool:
        return self.commons.info is None and not self._over

    def ask(self, peer: Peer, now: float) -> None:
        """Ask ``peer`` for what it can be asked for."""
        size = peer.metadata_size
        if not self._learning or not size or not peer.extensions.get("ut_metadata"):
            return
        assembly = self._assembly(size)
        if assembly is None:
            return
        while (piece := assembly.ask(peer.link, now)) is not None:
            self._asked[peer.link] += 1
            self.commons.tell(peer, MetadataRequest(piece), now)

    def _assembly(self, size: int) -> MetadataAssembly | None:
        """The assembly of those who say ``size``."""
        if size not in self._assemblies:
            if len(self._assemblies) >= MAX_SIZES and not self._make_room(size):
                return None
            infohashes = self.commons.identity.infohashes
            self._assemblies[size] = MetadataAssembly(infohashes, size)
        return self._assemblies[size]

    def _make_room(self, size: int) -> bool:
        """Drop the size with the fewest believers, if ``size`` has more."""
        least = min(self._assemblies, key=self._believers)
        if self._believers(least) >= self._believers(size):
            return False
        del self._assemblies[least]
        return True

    def _believers(self, size: int) -> int:
        return sum(1 for peer in self.commons.working() if peer.metadata_size == size)

    def data(self, peer: Peer, said: MetadataData, now: float) -> None:
        """A piece came.

        Raises:
            WireError: It is not of the size that this peer had named.
        """
        assembly = self._assemblies.get(peer.metadata_size)
        if assembly is None or not self._learning:
            return
        raw = assembly.received(peer.link, said, now)
        liars = assembly.liars()
        for other in [other for link, other in self.commons.peers.items() if link in liars]:
            self.commons.ban(other.host, "sent false metadata", now)
        if raw is not None:
            self._understand(raw, now)
        else:
            self.tick(now)

    def _understand(self, raw: bytes, now: float) -> None:
        """The hash is right: these are the bytes. What they say may still be impossible."""
        self._over = True
        self._assemblies.clear()
        try:
            info = read_info(raw)
        except MetainfoError as fault:
            self.commons.emit(Unusable(str(fault)))
            return
        self.commons.adopt(info)
        for learned in self.learned:
            learned(info, now)

    def rejected(self, peer: Peer, said: MetadataReject, now: float) -> None:
        """It will not send a piece."""
        assembly = self._assemblies.get(peer.metadata_size)
        if assembly is not None:
            assembly.rejected(peer.link, said.piece, now)
            self.tick(now)

    def _parted(self, peer: Peer, now: float) -> None:
        del self._asked[peer.link]
        assembly = self._assemblies.get(peer.metadata_size)
        if assembly is not None:
            assembly.forget(peer.link)
            if not self._believers(peer.metadata_size):
                del self._assemblies[peer.metadata_size]

    def tick(self, now: float) -> None:
        """Ask whoever can be asked, those first who were asked least: who stalls comes last."""
        if self._learning:
            for peer in sorted(self.commons.working(), key=lambda peer: self._asked[peer.link]):
                self.ask(peer, now)
