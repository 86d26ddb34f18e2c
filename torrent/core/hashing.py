"""v2's hashes, served to peers (BEP 52): layers from the torrent file, leaves from what was hashed.

The upper part of a file's tree follows from its piece layer, which we have if we have the torrent.
Trees are built when somebody asks, and a few are kept. The lower part is not stored anywhere; the
leaves of a piece are known for a while after it was verified, and else the shell is asked to hash
the piece again, for a few peers at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from torrent.core.effects import HashPiece
from torrent.core.metainfo import BLOCK
from torrent.core.metainfo.merkle import PADDINGS, layers, split, width_of
from torrent.core.wire import Hashes, HashReject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.core.commons import Commons
    from torrent.core.metainfo import File, Info
    from torrent.core.peer import Peer
    from torrent.core.wire import HashRequest

MOST_HASHES: Final = 512
"""Hashes of one layer in one answer: "SHOULD NOT be greater than 512"."""
MOST_TREES: Final = 4
"""Trees kept: a magnet's layers are asked for file by file. The largest takes 100 MB for a moment;
that of a terabyte in pieces of 4 MiB takes 30 MB."""
MOST_LEAVES: Final = 16_384
"""Leaves kept: 256 MiB of data, under 2 MB of memory."""
MOST_ASKING: Final = 16
"""Peers that may wait for pieces to be hashed; each costs a read of a whole piece."""


class Hashing:
    """Answers requests for hashes."""

    def __init__(self, commons: Commons) -> None:
        self.commons = commons
        self._trees: OrderedDict[bytes, list[list[bytes]]] = OrderedDict()
        self._leaves: OrderedDict[int, tuple[bytes, ...]] = OrderedDict()
        self._held = 0
        self._asking: dict[int, list[tuple[int, HashRequest]]] = {}

    def request(self, peer: Peer, said: HashRequest, now: float) -> None:
        """Answer, refuse, or have the piece hashed first."""
        info = self.commons.info
        file = None if info is None else self._file(info, said)
        if info is None or file is None:
            self._reject(peer, said, now)
            return
        base = (info.piece_length // BLOCK).bit_length() - 1
        if file.length > info.piece_length and said.base >= base:
            self._answer(peer, said, self._tree(info, file), base, said.index, now)
        else:
            self._lower(peer, info, file, said, now)

    def _file(self, info: Info, said: HashRequest) -> File | None:
        """The file it is about, if the request makes sense for it."""
        file = next((file for file in info.files if file.pieces_root == said.root), None)
        if file is None or not info.is_v2 or said.length & (said.length - 1):
            return None
        if not 1 < said.length <= MOST_HASHES or said.index % said.length:
            return None
        height = (width_of(-(-file.length // BLOCK)) >> said.base).bit_length() - 1
        inside = said.index + said.length <= 1 << max(height, 0)
        return file if inside and said.proofs < max(height, 1) else None

    def _tree(self, info: Info, file: File) -> list[list[bytes]] | None:
        """The layers of a file's tree from its piece layer up; None if we lack that."""
        name = file.pieces_root or b""
        tree, layer = self._trees.get(name), info.piece_layers.get(name)
        if tree is None and layer is not None:
            hashes = split(layer)
            height = (info.piece_length // BLOCK).bit_length() - 1
            tree = layers(hashes, width_of(len(hashes)), height=height)
            self._trees[name] = tree
            if len(self._trees) > MOST_TREES:
                self._trees.popitem(last=False)
        return tree

    def _answer(
        self,
        peer: Peer,
        said: HashRequest,
        tree: list[list[bytes]] | None,
        lowest: int,
        index: int,
        now: float,
        above: Sequence[bytes] = (),
    ) -> None:
        """Send the hashes that ``said`` asks for out of ``tree``, whose first layer is ``lowest``.

        ``index`` is the place of the first of them in the tree; ``above`` the uncles beyond it.
        """
        at = said.base - lowest
        if tree is None or at >= len(tree):
            self._reject(peer, said, now)
            return
        sent = [_at(tree, at, place, lowest) for place in range(index, index + said.length)]
        height = said.length.bit_length() - 1
        uncles = [*_uncles(tree, at + height, index >> height, lowest), *above]
        wanted = max(0, said.proofs + 1 - height)
        if wanted > len(uncles):
            self._reject(peer, said, now)
            return
        fields = (said.root, said.base, said.index, said.length, said.proofs)
        self.commons.say(peer, Hashes(*fields, b"".join(sent + uncles[:wanted])), now)

    def _reject(self, peer: Peer, said: HashRequest, now: float) -> None:
        fields = (said.root, said.base, said.index, said.length, said.proofs)
        self.commons.say(peer, HashReject(*fields), now)

    # Below the piece layer.

    def _lower(self, peer: Peer, info: Info, file: File, said: HashRequest, now: float) -> None:
        """Hashes inside of one piece."""
        per_piece = info.piece_length // BLOCK
        inside = (said.index << said.base) % per_piece
        piece = file.offset // info.piece_length + (said.index << said.base) // per_piece
        have = self.commons.have
        spans_pieces = inside + (said.length << said.base) > per_piece
        if spans_pieces or have is None or piece not in have:
            self._reject(peer, said, now)
        elif piece in self._leaves:
            self._serve_leaves(peer, info, file, piece, said, now)
        elif not self._ask_disk(piece, peer, said):
            self._reject(peer, said, now)

    def _ask_disk(self, piece: int, peer: Peer, said: HashRequest) -> bool:
        """Have ``piece`` hashed, once for all who ask; False if too much is asked already."""
        waiting = self._asking.get(piece)
        if len(self._asking if waiting is None else waiting) >= MOST_ASKING:
            return False
        if waiting is None:
            waiting = self._asking[piece] = []
            self.commons.emit(HashPiece(piece))
        waiting.append((peer.link, said))
        return True

    def _serve_leaves(
        self, peer: Peer, info: Info, file: File, piece: int, said: HashRequest, now: float
    ) -> None:
        width = info.leaf_width(piece)
        blocks = -(-info.payload_size(piece) // BLOCK)
        tree = layers(self._leaves[piece][:blocks], width)
        index = said.index % (max(width, 1) >> said.base or 1)
        upper = self._tree(info, file) if file.length > info.piece_length else None
        place = piece - file.offset // info.piece_length
        above = _uncles(upper, 0, place, width.bit_length() - 1) if upper else []
        self._answer(peer, said, tree, 0, index, now, above)

    def keep(self, piece: int, leaves: tuple[bytes, ...]) -> None:
        """Remember the leaves of a verified piece for a while."""
        info = self.commons.info
        if info is None or not info.is_v2 or not leaves or piece in self._leaves:
            return
        self._leaves[piece] = leaves
        self._held += len(leaves)
        while self._held > MOST_LEAVES and len(self._leaves) > 1:
            self._held -= len(self._leaves.popitem(last=False)[1])

    def hashed(self, piece: int, leaves: tuple[bytes, ...], now: float) -> None:
        """The shell hashed a piece; no leaves: it could not."""
        self.keep(piece, leaves)
        info = self.commons.info
        for link, said in self._asking.pop(piece, ()):
            peer = self.commons.peers.get(link)
            if peer is None or info is None:
                continue
            file = self._file(info, said)
            if file is None or piece not in self._leaves:
                self._reject(peer, said, now)
            else:
                self._serve_leaves(peer, info, file, piece, said, now)


def _uncles(tree: list[list[bytes]], layer: int, place: int, lowest: int) -> list[bytes]:
    """The siblings on the way up from a hash to the top of ``tree``."""
    found = []
    for at in range(layer, len(tree) - 1):
        found.append(_at(tree, at, place ^ 1, lowest))
        place >>= 1
    return found


def _at(tree: list[list[bytes]], layer: int, place: int, lowest: int) -> bytes:
    """A hash of a tree whose layers leave padding out."""
    hashes = tree[layer]
    return hashes[place] if place < len(hashes) else PADDINGS[lowest + layer]
