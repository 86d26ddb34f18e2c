"""What the cache lets go of, against a list that is sorted anew each time; and what it survives."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from dht.testing import Testnet
from tests.cdn_house import house, write
from tests.gateways import opened
from tests.naming import NAME
from tests.torrent_samples import HYBRID, noise, sample
from tests.waiting import pass_time, until
from torrent.cdn.gateway import library as module
from torrent.cdn.gateway.core.counting import Tally
from torrent.cdn.gateway.core.route import mount_of
from torrent.cdn.gateway.held import Held
from torrent.cdn.gateway.library import Library

if TYPE_CHECKING:
    import pytest

ROOT = mount_of(NAME)
INFO = sample({"t/a": 100_000}, HYBRID).info


@dataclass
class Ledger:
    """A session that only notes what is forgotten: which torrents go is the library's matter."""

    torrents: tuple[Any, ...] = ()
    forgotten: list[bytes] = field(default_factory=list)

    async def forget(self, infohash: bytes) -> None:
        self.forgotten.append(infohash)
        await trio.lowlevel.checkpoint()


def stand_in(number: int, root: Path, pieces: int) -> Held:
    """A torrent of which so many pieces are here."""
    infohash = number.to_bytes(20, "big")
    torrent: Any = SimpleNamespace(
        infohashes=(infohash,),
        named=infohash,
        have=range(pieces),
        web_seeds=(),
        task=SimpleNamespace(directory=root / infohash.hex()),
        sharing=SimpleNamespace(storage=None),
        statistics=lambda: SimpleNamespace(downloaded=0),
    )
    return Held(torrent, INFO, Tally())


PIECES = INFO.piece_count
NUMBERS = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("take"), NUMBERS, st.integers(1, PIECES)),
    st.tuples(st.just("take"), NUMBERS, st.just(PIECES)),
    st.tuples(st.just("use"), NUMBERS),
    st.tuples(st.sampled_from(["read", "close", "pin", "unpin"]), NUMBERS),
    st.tuples(st.just("tidy")),
)


@given(st.lists(STEPS, min_size=5, max_size=30), st.integers(1, 3))
def test_what_was_unused_the_longest_goes(steps: list[tuple[Any, ...]], room: int) -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(_against_a_list, steps, room * INFO.size, clock=clock)


async def _against_a_list(steps: list[tuple[Any, ...]], limit: int) -> None:
    root, ledger = Path("/nowhere"), cast("Any", Ledger())
    library = Library(ledger, root, limit=limit)
    used: list[int] = []  # The longest unused first.
    kept: dict[int, Held] = {}
    for what, *words in steps:
        await pass_time(module._JUST)
        number = words[0] if words else -1
        if what == "take" and number not in kept:
            kept[number] = stand_in(number, root, words[1])
            library._take(kept[number])
            used.append(number)
        elif what == "use":
            assert library.at_hand(number.to_bytes(20, "big")) is kept.get(number)
            if number in kept:
                used.append(used.pop(used.index(number)))
        elif what == "tidy":
            await library.tidy()
            _let_go(used, kept, limit, library.pinned)
            assert library.all == [kept[n] for n in kept]
            assert set(ledger.forgotten).isdisjoint(n.to_bytes(20, "big") for n in kept)
            ledger.forgotten.clear()
        elif number in kept:
            held = kept[number]
            match what:
                case "read":
                    held.readers += 1
                case "close":
                    held.readers = max(0, held.readers - 1)
                case "pin":
                    library.pin(held)
                case "unpin":
                    library.unpin(held)
    assert library.size == sum(held.size for held in kept.values())


def _let_go(used: list[int], kept: dict[int, Held], limit: int, pinned: set[bytes]) -> None:
    """The stupid answer: take away the first that may go, until it fits."""
    while sum(held.size for held in kept.values()) > limit:
        free = [n for n in used if not kept[n].readers and n.to_bytes(20, "big") not in pinned]
        if not free:
            return
        used.remove(free[0])
        del kept[free[0]]


async def test_what_cannot_be_deleted_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told of, and the next run deletes it."""
    monkeypatch.setattr(module, "_TIDY", 0.02)
    monkeypatch.setattr(module, "_JUST", 0.0)

    def rmtree(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    async with Testnet(12) as net, house(net, tmp_path / "p", 1) as publisher:
        version = await publisher.publish(write(tmp_path / "www", {"a": noise(60)}))
        place = tmp_path / "g" / "cache" / version.infohash.hex()
        async with house(net, tmp_path / "g", 5) as owner:
            with monkeypatch.context() as broken:
                broken.setattr(shutil, "rmtree", rmtree)
                async with opened(
                    owner.session, owner.names, tmp_path / "g", owner.memory, limit=10
                ) as door:
                    assert (await door.ask(f"{ROOT}/")).status == 200
                    await until(lambda: "left behind" in caplog.text)
                    assert place.exists()
                    assert (await door.ask(f"{ROOT}/")).status == 200
                    await until(lambda: not door.gateway.library.all)
            (tmp_path / "g" / "cache" / "mine").mkdir()
            async with opened(owner.session, owner.names, tmp_path / "g", owner.memory) as door:
                await until(lambda: not place.exists())
                assert (await door.ask(f"{ROOT}/")).status == 200
            assert (tmp_path / "g" / "cache" / "mine").exists()


async def test_a_cache_without_room_answers_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes as soon as nobody reads it comes back for the next; what is too large is said."""
    monkeypatch.setattr(module, "_TIDY", 0.02)
    monkeypatch.setattr(module, "_JUST", 0.05)
    files = {f"{n}.txt": noise(60, n + 1) for n in range(4)} | {"large": noise(1000)}
    async with Testnet(12) as net, house(net, tmp_path / "p", 1) as publisher:
        await publisher.publish(write(tmp_path / "www", files))
        async with (
            house(net, tmp_path / "g", 5) as owner,
            opened(owner.session, owner.names, tmp_path / "g", owner.memory, limit=100) as door,
        ):

            async def visit(number: int) -> None:
                for name in [f"{(number + n) % 4}.txt" for n in range(4)]:
                    reply = await door.ask(f"{ROOT}/{name}")
                    assert (reply.status, reply.body) == (200, files[name])

            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(visit, number)
            large = await door.ask(f"{ROOT}/large")
            assert (large.status, b"100 bytes" in large.body) == (507, True)
