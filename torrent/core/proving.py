"""v2's hashes, asked of peers: whole piece layers for magnets, leaves for pieces that failed.

A magnet brings the roots of files but not the hashes of their pieces (BEP 52: "piece layers" stand
outside of the info dictionary). Without these no piece of a v2 torrent can be checked, so they are
fetched before the torrent counts as learned. They come in stretches, each proven against the root
by itself: whoever sends a false one is known at once.

When a piece is false, its *leaves* say which block was. They are asked of peers that have the
piece; whoever sent a block that is not its leaf is banned, before anything is fetched again.
Nobody may have them at hand; then the piece is fetched again and the old way finds the liar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.core.effects import Learned
from torrent.core.metainfo import BLOCK
from torrent.core.metainfo.merkle import root, split, verify_proof, width_of
from torrent.core.wire import HashRequest
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torrent.core.assembly import Assemblies, Sender
    from torrent.core.commons import Commons
    from torrent.core.metainfo import Info
    from torrent.core.peer import Peer
    from torrent.core.wire import Hashes, HashReject

STRETCH: Final = 512
"""Hashes asked for at a time: "SHOULD NOT be greater than 512" (BEP 52)."""
UNDER_WAY: Final = 4
"""Requests one peer is asked at a time: 64 KiB of hashes, as much as four blocks."""
PATIENCE: Final = 10.0
"""Seconds until a stretch is asked of somebody else."""
MAX_WANTED: Final = 4_096
"""Stretches of leaves wanted at a time: so many pieces do not fail while one is cleared up."""


class _Wanted:
    """A stretch of hashes that we want.

    Attributes:
        request: What to ask for.
        expected: The root that it must lead to.
        place: Its index under that root, counted in the layer of ``request``.
        found: Told of the hashes, once proven.
        piece: Whoever has this piece can have them; None for a layer, which all v2 peers have.
        link: Who is asked; ``at``: since when.
        refused: Who was asked and did not send it.
    """

    __slots__ = ("at", "expected", "found", "link", "piece", "place", "refused", "request")

    def __init__(
        self,
        request: HashRequest,
        expected: bytes,
        place: int,
        found: Callable[[list[bytes], float], None],
        piece: int | None,
    ) -> None:
        self.request = request
        self.expected = expected
        self.place = place
        self.found = found
        self.piece = piece
        self.link: int | None = None
        self.at = 0.0
        self.refused: set[int] = set()

    def check(self, hashes: Sequence[bytes]) -> bool:
        """Whether these hashes, with their uncles, lead to the root."""
        request = self.request
        stretch, uncles = hashes[: request.length], hashes[request.length :]
        top = root(stretch, request.length, height=request.base)
        above = self.place >> (request.length.bit_length() - 1)
        return verify_proof(top, above, uncles, self.expected)


class _Suspicion:
    """A piece that was false: what its blocks were, and who sent them."""

    def __init__(
        self, piece: int, digests: Sequence[bytes], senders: Sequence[Sender], blocks: int
    ) -> None:
        self.piece = piece
        self.digests = digests
        self.senders = senders
        self.leaves: list[bytes | None] = [None] * blocks


class Proving:
    """Fetches hashes and acts on them."""

    def __init__(self, commons: Commons, assemblies: Assemblies) -> None:
        self.commons = commons
        self.assemblies = assemblies
        self._wanted: dict[HashRequest, _Wanted] = {}
        self._layers: dict[bytes, list[bytes]] = {}
        assemblies.suspect.append(self.suspect)
        commons.partings.append(self._parted)

    # Layers.

    def learned(self, info: Info, now: float) -> None:
        """The info dictionary is known. A hybrid's pieces can be checked by their SHA-1 anyway."""
        if info.is_v1 or not info.missing_layers:
            self._finish(info)
            return
        for pieces_root in info.missing_layers:
            self._want_layer(info, pieces_root)
        self.tick(now)

    def _finish(self, info: Info) -> None:
        self.commons.adopt(info)
        self.commons.emit(Learned(info))

    def _want_layer(self, info: Info, pieces_root: bytes) -> None:
        file = next(file for file in info.files if file.pieces_root == pieces_root)
        count = -(-file.length // info.piece_length)
        width = width_of(count)
        base = (info.piece_length // BLOCK).bit_length() - 1
        self._layers[pieces_root] = [b""] * count
        length = min(width, STRETCH)
        for first in range(0, count, length):
            request = HashRequest(pieces_root, base, first, length, width.bit_length() - 2)
            take = self._layer_taker(pieces_root, first)
            self._wanted[request] = _Wanted(request, pieces_root, first, take, None)

    def _layer_taker(self, pieces_root: bytes, first: int) -> Callable[[list[bytes], float], None]:
        def take(hashes: list[bytes], now: float) -> None:
            layer = self._layers[pieces_root]
            layer[first : first + len(hashes)] = hashes[: len(layer) - first]
            if not self._wanted:
                self._complete()

        return take

    def _complete(self) -> None:
        """Every layer is here."""
        layers, self._layers = self._layers, {}
        found = {pieces_root: b"".join(layer) for pieces_root, layer in layers.items()}
        self._finish(self.commons.torrent.with_layers(found))

    # Leaves.

    def suspect(
        self, piece: int, digests: Sequence[bytes], senders: Sequence[Sender], now: float
    ) -> None:
        """``piece`` was false and several hosts had sent it: find out whose blocks were."""
        info = self.commons.torrent
        if not info.is_v2 or len(self._wanted) >= MAX_WANTED:
            return
        expected, width = info.piece_root(piece), info.leaf_width(piece)
        file = info.files[info.file_at(piece)]
        if expected is None or file.pieces_root is None or width == 1:
            return
        blocks = -(-info.payload_size(piece) // BLOCK)
        suspicion = _Suspicion(piece, digests, senders, blocks)
        start = (piece * info.piece_length - file.offset) // BLOCK
        length = min(width, STRETCH)
        for first in range(0, blocks, length):
            request = HashRequest(
                file.pieces_root, 0, start + first, length, width.bit_length() - 2
            )
            take = self._leaf_taker(suspicion, first)
            self._wanted[request] = _Wanted(request, expected, first, take, piece)
        self.tick(now)

    def _leaf_taker(
        self, suspicion: _Suspicion, first: int
    ) -> Callable[[list[bytes], float], None]:
        def take(hashes: list[bytes], now: float) -> None:
            leaves = suspicion.leaves
            leaves[first : first + len(hashes)] = hashes[: len(leaves) - first]
            known = [leaf for leaf in leaves if leaf is not None]
            if len(known) == len(leaves):
                liars = self.assemblies.culprits.compare(
                    suspicion.digests[: len(known)], known, suspicion.senders[: len(known)]
                )
                self.assemblies.accuse(liars, suspicion.piece, now)

        return take

    # Asking.

    def tick(self, now: float) -> None:
        """Ask for what is wanted and not under way."""
        if not self._wanted:
            return
        room = {peer.link: UNDER_WAY for peer in self.commons.working() if self._able(peer)}
        for wanted in self._wanted.values():
            if wanted.link is not None and now - wanted.at >= PATIENCE:
                wanted.refused.add(wanted.link)
                wanted.link = None
            elif wanted.link in room:
                room[wanted.link] -= 1
        for wanted in list(self._wanted.values()):
            if wanted.link is None:
                self._ask(wanted, room, now)

    def _able(self, peer: Peer) -> bool:
        """Whether ``peer`` speaks v2; where there is no v1, all do."""
        return peer.v2 or (self.commons.info is not None and not self.commons.info.is_v1)

    def _ask(self, wanted: _Wanted, room: dict[int, int], now: float) -> None:
        able = [link for link, left in room.items() if left > 0 and self._has(link, wanted)]
        asked = [link for link in able if link not in wanted.refused]
        if not asked:
            if able and wanted.piece is None:
                wanted.refused.clear()  # Layers must be had: begin again with the first.
            elif not self._candidates(wanted):
                self._give_up(wanted)
            return
        wanted.link = max(asked, key=lambda link: room[link])
        wanted.at = now
        room[wanted.link] -= 1
        self.commons.say(self.commons.peers[wanted.link], wanted.request, now)

    def _has(self, link: int, wanted: _Wanted) -> bool:
        """Whether this peer can know: who has a piece can hash it."""
        peer = self.commons.peers[link]
        return wanted.piece is None or (peer.have is not None and wanted.piece in peer.have)

    def _candidates(self, wanted: _Wanted) -> bool:
        """Whether anybody is left to ask."""
        return wanted.piece is None or any(
            self._able(peer) and self._has(peer.link, wanted) and peer.link not in wanted.refused
            for peer in self.commons.working()
        )

    def _give_up(self, wanted: _Wanted) -> None:
        """Nobody tells: the liar will be found when the piece has been fetched again."""
        self._wanted.pop(wanted.request, None)

    def _parted(self, peer: Peer, now: float) -> None:
        for wanted in self._wanted.values():
            if wanted.link == peer.link:
                wanted.link = None

    def hashes(self, peer: Peer, said: Hashes, now: float) -> None:
        """Hashes came.

        Raises:
            WireError: They were asked for and do not lead to the root.
        """
        request = HashRequest(said.root, said.base, said.index, said.length, said.proofs)
        wanted = self._wanted.get(request)
        if wanted is None or wanted.link != peer.link:
            return
        hashes = split(said.hashes)
        if not wanted.check(hashes):
            wanted.link = None
            wanted.refused.add(peer.link)
            self.commons.ban(peer.host, "sent false hashes", now)
            raise WireError("the peer sent hashes that do not lead to the root")
        del self._wanted[request]
        wanted.found(hashes[: said.length], now)
        self.tick(now)

    def rejected(self, peer: Peer, said: HashReject, now: float) -> None:
        """It will not send hashes."""
        request = HashRequest(said.root, said.base, said.index, said.length, said.proofs)
        wanted = self._wanted.get(request)
        if wanted is not None and wanted.link == peer.link:
            wanted.link = None
            wanted.refused.add(peer.link)
            self._pass_on(wanted, now)

    def _pass_on(self, wanted: _Wanted, now: float) -> None:
        """Ask another at once, unless all refused: then it waits for the next beat."""
        links = {peer.link for peer in self.commons.working() if self._able(peer)}
        if links - wanted.refused or wanted.piece is not None:
            self.tick(now)
