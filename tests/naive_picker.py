"""A piece picker's books as sets and dictionaries, everything recomputed at each question."""

from __future__ import annotations

from collections import defaultdict

Block = tuple[int, int]


class NaivePicker:
    """Knows what may be asked for, and what must."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts
        self.pieces = set(range(len(counts)))
        self.have: set[int] = set()
        self.priority = dict.fromkeys(self.pieces, 4)
        self.peers: dict[str, set[int]] = {}
        self.asked: dict[Block, list[str]] = defaultdict(list)
        self.since: dict[Block, float] = {}
        self.here: set[Block] = set()
        self.open: set[int] = set()
        self.checking: set[int] = set()
        self.failed: set[int] = set()
        self.deadlines: dict[int, float] = {}

    def ask(self, block: Block, peer: str, now: float) -> None:
        """A block is late since it was first asked for, though whoever was asked is gone by now."""
        if not self.asked[block]:
            self.since[block] = now
        self.asked[block].append(peer)

    def lacking(self) -> set[int]:
        return {piece for piece in self.pieces - self.have if self.priority[piece]}

    def fresh(self) -> set[int]:
        return self.lacking() - self.open - self.checking

    def free(self) -> set[Block]:
        """Blocks that could be asked for without asking for anything twice."""
        blocks = {
            (piece, block) for piece in self.fresh() | self.open for block in self.blocks(piece)
        }
        return {block for block in blocks - self.here if not self.asked.get(block)}

    def blocks(self, piece: int) -> range:
        return range(self.counts[piece])

    def availability(self, piece: int) -> int:
        return sum(piece in have for have in self.peers.values())

    def obtainable(self) -> set[Block]:
        return {block for block in self.free() if self.availability(block[0])}

    def best(self, among: set[int], *, sequential: bool) -> set[int]:
        """The pieces with the highest priority, and of these the rarest or the first."""
        top = max(self.priority[piece] for piece in among)
        among = {piece for piece in among if self.priority[piece] == top}
        if sequential:
            return {min(among)}
        least = min(self.availability(piece) for piece in among)
        return {piece for piece in among if self.availability(piece) == least}

    def drop(self, piece: int) -> None:
        for block in self.blocks(piece):
            self.asked.pop((piece, block), None)
            self.here.discard((piece, block))
        self.open.discard(piece)
        self.checking.discard(piece)
