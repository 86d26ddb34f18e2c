"""``torrents``, ``status`` and ``forget`` about what a state holds, from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dht import names
from dht.core.messages import Provider
from dht.node.state import State
from tests.torrent_samples import HYBRID, V1, sample
from torrent.io.resume import Progress, StoredTorrent, Torrents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl

KIB = 1024


def one(done: Any) -> dict[str, Any]:
    assert done.code == 0, done.err
    [found] = done.objects
    return dict(found)


def remember(home: Path, **more: Any) -> str:
    """Put a torrent of four pieces into the state, of which two are here."""
    what = sample({"t/a": 32 * KIB, "t/b": 32 * KIB}, V1)
    progress = Progress(what.info.infohashes[0], have=b"\xc0")
    torrent = StoredTorrent("t", home / "data", 1.0, progress, **more)
    with Torrents.open(home / "state") as torrents:
        torrents.add(torrent, what.metainfo)
    return what.info.infohashes[0].hex()


def test_there_are_no_torrents(inside: Dhtctl) -> None:
    done = inside("torrents")
    assert (done.code, done.out) == (0, "")
    assert "no torrents" in done.err


def test_what_waits_and_what_was_stopped(inside: Dhtctl, tmp_path: Path) -> None:
    infohash = remember(tmp_path)
    told = one(inside("torrents", "--json"))
    assert (told["name"], told["size_bytes"], told["progress"]) == ("t", 64 * KIB, 0.5)
    assert (told["state"], told["promised"], told["infohash"]) == ("waiting", True, infohash)
    assert inside("torrents").out == (
        f"{told['key']}  t  64 KiB  50 %  waits for `dhtctl node`  {tmp_path}/data\n"
    )
    assert "nobody keeps them" in inside("status").err
    remember(tmp_path, paused=True)
    assert one(inside("torrents", "--json"))["state"] == "stopped"
    remember(tmp_path, paused=True, priorities=b"\1\0")
    told = one(inside("torrents", "--json"))
    assert (told["state"], told["size_bytes"], told["progress"]) == ("complete", 32 * KIB, 1.0)


def test_a_link_whose_metadata_is_not_known(inside: Dhtctl, tmp_path: Path) -> None:
    infohash = bytes(range(20))
    link = f"magnet:?xt=urn:btih:{infohash.hex()}"
    with Torrents.open(tmp_path / "state") as torrents:
        torrents.add(StoredTorrent("x", tmp_path, 1.0, Progress(infohash), magnet=link))
    told = one(inside("torrents", "--json"))
    assert (told["magnet"], told["size_bytes"], told["progress"]) == (link, 0, 0.0)
    assert "x  ?  ?" in inside("torrents").out
    assert inside("verify", infohash.hex()).code == 3


def test_the_state_cannot_be_read(inside: Dhtctl, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    assert inside("torrents").code == 1


def test_status_lists_them(inside: Dhtctl, tmp_path: Path) -> None:
    remember(tmp_path, paused=True)
    lines = inside("status").out.splitlines()
    assert "torrents  1" in lines
    assert "promises  none" in lines, "what was only fetched is promised to nobody"
    remember(tmp_path)
    assert "promises  1 torrent to seed" in inside("status").out.splitlines()
    assert {told.get("seeded") for told in inside("status", "--json").objects} == {None, 1}
    with State.open(tmp_path / "state") as state:
        state.promise("mainline", 5, Provider(("0.0.0.0", 8080)), 1.0)
    assert "promises  1 to publish, 1 torrent to seed" in inside("status").out.splitlines()
    assert [each["type"] for each in inside("status", "--json").objects][-1] == "torrent"


def test_forget_by_any_name(inside: Dhtctl, tmp_path: Path) -> None:
    what = sample({"f": 5}, HYBRID)
    v1, v2 = what.info.infohash_v1, what.info.infohash_v2
    assert v1
    assert v2
    torrent = StoredTorrent("f", tmp_path, 1.0, Progress(what.info.infohashes[0]))
    for key in (v1.hex(), str(names.torrent(v1)), str(names.torrent(v2)), "--all"):
        with Torrents.open(tmp_path / "state") as torrents:
            torrents.add(torrent, what.metainfo)
        done = inside("forget", key)
        assert (done.code, done.out) == (0, f"{names.torrent(v1)}\n")
        assert "1 promise withdrawn" in done.err
        assert "files of torrents stay" in done.err
        assert inside("torrents").out == ""
    done = inside("forget", v1.hex())
    assert (done.code, "`dhtctl torrents` the torrents" in done.err) == (3, True)
