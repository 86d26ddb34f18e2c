"""What is fetched first of a torrent at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cdn_house import write
from tests.gateways import alone
from torrent.cdn.gateway.core.counting import Tally
from torrent.cdn.gateway.held import Held
from torrent.core.metainfo import Version

if TYPE_CHECKING:
    from pathlib import Path

SITE = {f"{page}/{name}": b"x" * 20_000 for page in "ab" for name in ("index.html", "r1", "r2")}


async def test_what_lies_beside_a_file_is_wanted_more_than_the_rest(tmp_path: Path) -> None:
    async with alone(tmp_path) as door:
        torrent, _ = await door.share(write(tmp_path / "www", SITE), version=Version.V2)
        held = Held(torrent, await torrent.metadata(), Tally())
        picker = torrent.sharing.swarm.commons.work

        def wanted() -> dict[str, int]:
            pieces = {str(f.path): f.offset // held.info.piece_length for f in held.info.files}
            return {path: picker.priority(piece) for path, piece in pieces.items()}

        before = set(wanted().values())
        held.want(held.tree.file(("b", "r1")) or 0)
        assert before == {4}
        assert wanted() == {f"www/{path}": 5 if path.startswith("b/") else 4 for path in SITE}
