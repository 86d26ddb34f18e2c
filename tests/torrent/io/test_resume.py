"""What is remembered comes back, beside the node's own tables, in releases old and new."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dht.node.disk import StateError
from dht.node.schema import Guest
from dht.node.state import State
from torrent.io.resume import TABLES, Progress, Standing, StoredTorrent, Torrents

HASH = b"h" * 20
STORED = StoredTorrent(
    name="a torrent",
    directory=Path("/downloads"),
    added=1000.0,
    progress=Progress(HASH, b"\xf0", 17, 4, b"f" * 32, 1234.5),
    priorities=b"\x04\x00\x07",
    paused=True,
)


def test_a_torrent_comes_back_as_it_was(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED, b"d4:infoe")
    with Torrents.open(tmp_path) as torrents:
        assert torrents.all() == [STORED]
        assert torrents.metainfo(HASH) == b"d4:infoe"
        assert torrents.metainfo(b"x" * 20) is None


def test_a_magnet_becomes_a_torrent(tmp_path: Path) -> None:
    magnet = replace(STORED, magnet="magnet:?xt=...", priorities=None, progress=Progress(HASH))
    with Torrents.open(tmp_path) as torrents:
        torrents.add(magnet)
        assert torrents.all() == [magnet]
        assert torrents.metainfo(HASH) is None
        torrents.learned(HASH, "its name", b"metainfo")
        assert torrents.all() == [replace(magnet, magnet=None, name="its name")]
        assert torrents.metainfo(HASH) == b"metainfo"


def test_progress_and_wishes(tmp_path: Path) -> None:
    further = Progress(HASH, b"\xff", 100, 50, None, 2000.0)
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED)
        torrents.advance([further, Progress(b"gone" * 5)])
        torrents.prioritise(HASH, None)
        torrents.pause(HASH, paused=False)
        assert torrents.all() == [replace(STORED, progress=further, priorities=None, paused=False)]


def test_a_move_is_known_before_and_after(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED)
        torrents.moved(HASH)
        assert torrents.all() == [STORED], "nothing was being moved"
        torrents.moving(HASH, Path("/elsewhere"))
        assert torrents.all() == [replace(STORED, moving=Path("/elsewhere"))]
        torrents.moved(HASH)
        assert torrents.all() == [replace(STORED, directory=Path("/elsewhere"))]


def test_removing_and_adding_again(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED, b"metainfo")
        assert torrents.remove(HASH)
        assert not torrents.remove(HASH)
        assert torrents.all() == []
        assert torrents.metainfo(HASH) is None
        torrents.add(STORED, b"metainfo")
        torrents.add(replace(STORED, name="again"), b"metainfo")
        assert [torrent.name for torrent in torrents.all()] == ["again"]


def test_a_reader_beside_a_writer(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED)
        with Torrents.open(tmp_path, readonly=True) as reader:
            assert reader.all() == [STORED]
            with pytest.raises(StateError, match="read-only"):
                reader.add(STORED)


def test_where_nobody_made_the_tables_there_are_no_torrents(tmp_path: Path) -> None:
    with Torrents.open(tmp_path / "none", readonly=True) as torrents:
        assert torrents.all() == []
        assert torrents.metainfo(HASH) is None
    State.open(tmp_path).close()
    with Torrents.open(tmp_path, readonly=True) as torrents:
        assert torrents.all() == []


def test_it_moves_in_with_a_node_that_does_not_know_it(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED)
    with State.open(tmp_path) as state:
        state.check()
    with Torrents.open(tmp_path) as torrents:
        assert torrents.all() == [STORED]


def test_a_newer_release_is_not_misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        steps = (*TABLES.steps, ("ALTER TABLE torrents ADD COLUMN mood TEXT",))
        newer.setattr(Torrents, "TABLES", Guest("torrents", steps))
        with Torrents.open(tmp_path) as torrents:
            torrents.add(STORED)
    for readonly in (False, True):
        with pytest.raises(StateError, match="the part 'torrents' of it has version 3"):
            Torrents.open(tmp_path, readonly=readonly)
    State.open(tmp_path).close()


def test_an_older_one_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Torrents.open(tmp_path) as torrents:
        torrents.add(STORED)
    steps = (*TABLES.steps, ("ALTER TABLE torrents ADD COLUMN mood TEXT",))
    monkeypatch.setattr(Torrents, "TABLES", Guest("torrents", steps))
    with Torrents.open(tmp_path) as torrents:
        assert torrents.all() == [STORED]
    with sqlite3.connect(tmp_path / "state.sqlite3") as connection:
        assert connection.execute("SELECT mood FROM torrents").fetchall() == [(None,)]
    connection.close()


def test_one_of_the_first_release_is_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(Torrents, "TABLES", Guest("torrents", TABLES.steps[:1]))
        with Torrents.open(tmp_path) as torrents:
            torrents.add(STORED)
    with Torrents.open(tmp_path, readonly=True) as torrents:
        assert torrents.all() == [STORED], "who only reads waits for no writer"
    with Torrents.open(tmp_path) as torrents:
        assert (torrents.all(), torrents.port) == ([STORED], 0)


def test_where_we_listened_last(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as torrents:
        assert torrents.port == 0
        torrents.listens(6881)
        torrents.listens(51413)
        assert torrents.port == 51413
    with Torrents.open(tmp_path) as torrents:
        assert torrents.port == 51413


def test_a_thousand_torrents_load_in_well_under_a_second(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as torrents:
        for number in range(1000):
            infohash = number.to_bytes(20, "big")
            progress = Progress(infohash, b"\xff" * 250)
            stored = replace(STORED, progress=progress, added=float(number))
            torrents.add(stored, b"x" * 10_000)
    started = time.process_time()  # A busy machine's clock on the wall proves nothing of us.
    with Torrents.open(tmp_path) as torrents:
        found = torrents.all()
    assert len(found) == 1000
    assert time.process_time() - started < 0.5
    assert [torrent.infohash for torrent in found] == [
        number.to_bytes(20, "big") for number in range(1000)
    ]


def test_how_torrents_stand_is_told_to_other_processes(tmp_path: Path) -> None:
    at_work = Standing(HASH, 17, "seeding", 3, 0.0, 2048.0)
    with Torrents.open(tmp_path) as here, Torrents.open(tmp_path) as there:
        here.add(STORED)
        here.tell([at_work, replace(at_work, infohash=b"gone" * 5)])
        assert there.standings() == {HASH: at_work}
        here.tell([replace(at_work, phase="failed", fault="the disk is full")])
        assert there.standings()[HASH].fault == "the disk is full"
        here.remove(HASH)
        assert there.standings() == {}
    with Torrents.open(tmp_path / "empty", readonly=True) as nothing:
        assert nothing.standings() == {}


def test_what_others_write_is_noticed(tmp_path: Path) -> None:
    with Torrents.open(tmp_path) as here, Torrents.open(tmp_path) as there:
        assert not here.changed()
        here.add(STORED)
        assert (here.changed(), there.changed()) == (False, True)
        there.remove(HASH)
        assert (here.changed(), here.changed(), there.changed()) == (True, False, False)
