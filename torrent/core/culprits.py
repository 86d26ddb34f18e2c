"""Who sent false blocks.

A v1 piece has one hash. When it fails, one of its senders lied, and nothing says which. So the
digest of each block is kept with its sender, and the piece is fetched again; once it passes, its
true blocks are known, and whoever sent a different one is a proven liar (libtorrent's *smart
ban*). Several failures may have to be kept until then, each with liars of its own.

A v2 piece has a hash a block (BEP 52), and a liar is proven at once.

As long as proof may come nobody is blamed, so that no liar gets an honest peer banned. Where it
cannot (digests unknown, or pushed out by newer ones) there is trust, on libtorrent's scale: a
point for a good piece, two less for a failed one, distrust at -7. The picker does its part: a
piece that failed is fetched again from one peer alone, which either lies too or brings the proof.

Peers are banned by what they cannot change cheaply: hand in hosts, not connections.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

GOOD_PIECE: Final = 1
FAILED_PIECE: Final = -2
MOST_TRUST: Final = 8
DISTRUST: Final = -7
"""libtorrent's numbers: a peer cannot buy more than seven failures with good behaviour."""

MOST_PIECES: Final = 64
"""Failed pieces whose blocks are remembered; the oldest goes first. They are fetched again soon,
so there are seldom more than are on their way."""
MOST_FAILURES: Final = 4
"""Failures of one piece that are remembered; a later one pushes the first out. The proof of a
liar may thus be lost, its points not."""
MOST_BLOCKS: Final = 16_384
"""Blocks remembered in all, however large the pieces: 256 MiB of data, under 2 MB of memory."""
MOST_PEERS: Final = 4096
"""Peers with points; who was blamed or praised longest ago is forgotten first."""


class _Failure:
    """The blocks of a piece that failed."""

    __slots__ = ("digests", "senders")

    def __init__(self, digests: Sequence[bytes], senders: Sequence[Hashable]) -> None:
        self.digests = tuple(digests)
        self.senders = tuple(senders)

    def liars(self, true: Sequence[bytes]) -> frozenset[Hashable]:
        """Who sent something else than is true."""
        return _differing(self.digests, true, self.senders)


class Culprits:
    """Blocks of failed pieces, and what their senders are trusted for."""

    __slots__ = ("_blocks", "_failures", "_points")

    def __init__(self) -> None:
        self._failures: OrderedDict[int, list[_Failure]] = OrderedDict()
        self._blocks = 0
        self._points: OrderedDict[Hashable, int] = OrderedDict()

    def failed(
        self, piece: int, digests: Sequence[bytes], senders: Sequence[Hashable]
    ) -> frozenset[Hashable]:
        """A v1 piece failed whose blocks have these digests, and came from these peers.

        Args:
            piece: Its index.
            digests: A digest a block, of any hash; empty if they are not known.
            senders: The sender of each block.

        Returns:
            Who is to be banned now: the only sender, if there was one, and whom this deprives
            of the rest of its trust.
        """
        blamed = frozenset(senders)
        if len(blamed) == 1:
            return blamed
        failure = _Failure(digests, senders)
        return self._blame(self._remember(piece, failure) if digests else [failure])

    def passed(
        self, piece: int, digests: Sequence[bytes], senders: Sequence[Hashable] = ()
    ) -> frozenset[Hashable]:
        """A v1 piece passed whose blocks have these digests, and came from these peers.

        Only a piece that :meth:`suspects` somebody needs ``digests``: others may leave it empty.

        Returns:
            Who is to be banned now: who lied when it failed before.
        """
        for peer in dict.fromkeys(senders):
            self._rate(peer, GOOD_PIECE)
        failures = self._forget(piece)
        if not digests:
            return self._blame(failures)
        return frozenset(peer for failure in failures for peer in failure.liars(digests))

    def suspects(self, piece: int) -> bool:
        """Whether the blocks of ``piece`` are remembered from a failure."""
        return piece in self._failures

    @staticmethod
    def compare(
        digests: Sequence[bytes], true_leaves: Sequence[bytes], senders: Sequence[Hashable]
    ) -> frozenset[Hashable]:
        """Who sent a block of a v2 piece that is not the true one (BEP 52: leaves of SHA-256)."""
        return _differing(digests, true_leaves, senders)

    def points(self, peer: Hashable) -> int:
        """What ``peer`` is trusted for, at most 8."""
        return self._points.get(peer, 0)

    def _blame(self, failures: Iterable[_Failure]) -> frozenset[Hashable]:
        """Take points for failures that will not be cleared up, and return who is distrusted."""
        blamed = [peer for failure in failures for peer in dict.fromkeys(failure.senders)]
        return frozenset([peer for peer in blamed if self._rate(peer, FAILED_PIECE) <= DISTRUST])

    def _rate(self, peer: Hashable, change: int) -> int:
        """Give or take points, and return what there are then."""
        points = min(self._points.pop(peer, 0) + change, MOST_TRUST)
        self._points[peer] = points
        if len(self._points) > MOST_PEERS:
            self._points.popitem(last=False)
        return points

    def _remember(self, piece: int, failure: _Failure) -> list[_Failure]:
        """Keep a failure, and return those that must go for it."""
        failures = self._failures.setdefault(piece, [])
        self._failures.move_to_end(piece)
        failures.append(failure)
        self._blocks += len(failure.digests)
        gone = [failures.pop(0)] if len(failures) > MOST_FAILURES else []
        self._blocks -= sum(len(failure.digests) for failure in gone)
        while len(self._failures) > MOST_PIECES or self._blocks > MOST_BLOCKS:
            gone += self._forget(next(iter(self._failures)))
        return gone

    def _forget(self, piece: int) -> list[_Failure]:
        failures = self._failures.pop(piece, [])
        self._blocks -= sum(len(failure.digests) for failure in failures)
        return failures


def _differing(
    given: Sequence[bytes], true: Sequence[bytes], senders: Sequence[Hashable]
) -> frozenset[Hashable]:
    triples = zip(given, true, senders, strict=True)
    return frozenset(sender for digest, leaf, sender in triples if digest != leaf)
