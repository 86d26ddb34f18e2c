"""Extension messages (BEP 10): unpacked, and handed to those they are for.

A peer numbers its extensions itself and may send its handshake again at any time; what it says
then is added to what it said before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.wire import EXTENSION_IDS, DontHave, UploadOnly, read_extended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torrent.core.commons import Commons
    from torrent.core.having import Having
    from torrent.core.peer import Peer
    from torrent.core.wire import Extended, ExtensionHandshake


class Extending:
    """Knows which extensions a peer speaks, and says what changed about us.

    Attributes:
        handlers: Where extension messages go, by type; the swarm fills it.
        introduced: Told of each extension handshake, after it was noted.
    """

    def __init__(self, commons: Commons, having: Having) -> None:
        self.commons = commons
        self.having = having
        self.handlers: Mapping[type, Callable[..., None]] = {}
        self.introduced: list[Callable[[Peer, float], None]] = []

    def extended(self, peer: Peer, message: Extended, now: float) -> None:
        """Unpack a message; one of an extension nobody offered is skipped.

        Raises:
            WireError: It is malformed.
        """
        said = read_extended(message)
        if said is not None:
            self.handlers[type(said)](peer, said, now)

    def handshake(self, peer: Peer, said: ExtensionHandshake, now: float) -> None:
        """Note what the peer speaks, and what it says of itself."""
        known = EXTENSION_IDS.keys() & said.extensions.keys()
        peer.extensions.update({name: said.extensions[name] for name in sorted(known)})
        peer.client = said.client or peer.client
        peer.reqq = said.reqq or peer.reqq
        peer.metadata_size = said.metadata_size or peer.metadata_size
        if said.port and peer.incoming and peer.listens is None:
            peer.listens = (peer.host, said.port)
            self.commons.candidates.connected(peer.listens, peer.link, "peer", now)
        if said.upload_only is not None:
            peer.upload_only = said.upload_only
        for introduced in self.introduced:
            introduced(peer, now)
        self.having.part_if_redundant(peer, now)

    def upload_only(self, peer: Peer, said: UploadOnly, now: float) -> None:
        """It stopped, or began, to want pieces (BEP 21)."""
        peer.upload_only = said.flag
        self.having.part_if_redundant(peer, now)

    def dont_have(self, peer: Peer, said: DontHave, now: float) -> None:
        """It lost a piece (BEP 54)."""
        self.having.lost(peer, said.piece, now)

    def say_upload_only(self, now: float) -> None:
        """We want nothing any more, or something again (BEP 21)."""
        for peer in self.commons.working():
            self.commons.tell(peer, UploadOnly(self.commons.done), now)

    def say_lost(self, piece: int, now: float) -> None:
        """We lost a piece (BEP 54)."""
        for peer in self.commons.working():
            self.commons.tell(peer, DontHave(piece), now)
