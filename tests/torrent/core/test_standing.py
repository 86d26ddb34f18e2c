"""How a swarm stands, beside the slow way of counting it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.torrent_samples import VERSIONS, sample
from torrent.core.bitfield import Bitfield
from torrent.core.commands import Prioritise
from torrent.core.policy import SwarmPolicy
from torrent.core.swarm import Identity, Swarm
from torrent.io.pool import Buffers

if TYPE_CHECKING:
    from torrent.core.metainfo import Version

LENGTH = 32768


def swarm() -> Swarm:
    identity = Identity((bytes(20),), bytes(20), private=False)
    return Swarm(identity, SwarmPolicy(), Buffers(1 << 20), Random(1))


@given(
    version=st.sampled_from(VERSIONS),
    sizes=st.lists(st.sampled_from([0, 1, 16384, LENGTH, LENGTH + 1, 5 * LENGTH]), min_size=1),
    rng=st.randoms(use_true_random=False),
)
def test_bytes_wanted_and_done(version: Version, sizes: list[int], rng: Random) -> None:
    files = {f"t/{n:02d}": size for n, size in enumerate((*sizes[:6], 1))}
    info = sample(files, version, LENGTH).info
    pieces = range(info.piece_count)
    have, unwanted = Bitfield(info.piece_count), {p for p in pieces if rng.random() < 0.3}
    for piece in pieces:
        if rng.random() < 0.5:
            have.add(piece)
    one = swarm()
    assert one.statistics(0.0).wanted == 0
    one.begin(info, have.copy(), 0.0)
    one.command(Prioritise(pieces=dict.fromkeys(unwanted, 0)), 0.0)
    now = one.statistics(0.0)
    assert now.wanted == sum(info.piece_size(p) for p in pieces if p not in unwanted)
    assert now.done == sum(info.piece_size(p) for p in pieces if p in have and p not in unwanted)
