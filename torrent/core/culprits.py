"""Who sent false blocks.

A v1 piece has one hash. When it fails, one of its senders lied, and nothing says which. So the
digest of each block is kept with its sender, and the piece is fetched again; once it passes, its
true blocks are known, and whoever sent a different one is a proven liar (libtorrent's *smart
ban*). Several failures may have to be kept until then, each with liars of its own.

A v2 piece has a hash a block (BEP 52), and a liar is proven at once.

Until there is proof there is trust, on libtorrent's scale: a point for a good piece, two less for
a failed one, distrust at -7. An honest peer beside a liar stands at -2 to -4 when the proof
comes; only one that is nearly always there when a piece fails falls to -7.

Peers are banned by what they cannot change cheaply: hand in hosts, not connections.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

GOOD_PIECE: Final = 1
FAILED_PIECE: Final = -2
MOST_TRUST: Final = 8
DISTRUST: Final = -7
"""libtorrent's numbers: a peer cannot buy more than seven failures with good behaviour."""

MOST_PIECES: Final = 64
"""Failed pieces whose blocks are remembered; the oldest goes first. They are fetched again soon,
so there are seldom more than are open."""
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
        # Sixteen bytes cannot be met by chance, and a sender that could choose its collisions
        # would only have sent the true block.
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

        Returns:
            Who is to be banned now: the only sender, if there was one, or who is distrusted.
        """
        blamed = dict.fromkeys(senders)
        if len(blamed) == 1:
            return frozenset(blamed)
        self._remember(piece, _Failure(digests, senders))
        return frozenset(peer for peer in blamed if self._rate(peer, FAILED_PIECE) <= DISTRUST)

    def passed(
        self, piece: int, digests: Sequence[bytes], senders: Sequence[Hashable] = ()
    ) -> frozenset[Hashable]:
        """A v1 piece passed whose blocks have these digests; return who lied about it before.

        ``digests`` are only needed for a piece that :meth:`suspects` something.
        """
        for peer in dict.fromkeys(senders):
            self._rate(peer, GOOD_PIECE)
        failures = self._forget(piece)
        return frozenset[Hashable]().union(*(failure.liars(digests) for failure in failures))

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
        """What ``peer`` is trusted for: -7 to 8."""
        return self._points.get(peer, 0)

    def _rate(self, peer: Hashable, change: int) -> int:
        """Give or take points, and return what there are then."""
        points = min(self._points.pop(peer, 0) + change, MOST_TRUST)
        self._points[peer] = points
        if len(self._points) > MOST_PEERS:
            self._points.popitem(last=False)
        return points

    def _remember(self, piece: int, failure: _Failure) -> None:
        failures = self._failures.setdefault(piece, [])
        self._failures.move_to_end(piece)
        failures.append(failure)
        self._blocks += len(failure.digests)
        if len(failures) > MOST_FAILURES:
            self._blocks -= len(failures.pop(0).digests)
        while len(self._failures) > MOST_PIECES or self._blocks > MOST_BLOCKS:
            self._forget(next(iter(self._failures)))

    def _forget(self, piece: int) -> list[_Failure]:
        failures = self._failures.pop(piece, [])
        self._blocks -= sum(len(failure.digests) for failure in failures)
        return failures


def _differing(
    given: Sequence[bytes], true: Sequence[bytes], senders: Sequence[Hashable]
) -> frozenset[Hashable]:
    triples = zip(given, true, senders, strict=True)
    return frozenset(sender for digest, leaf, sender in triples if digest != leaf)
