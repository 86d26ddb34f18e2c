"""``create``, ``info``, ``verify`` and ``torrents`` from outside: what needs no network."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from cli.actions.fetch import speed
from cli.torrents.checking import ranges
from cli.torrents.sources import chosen
from cli.verbs.torrents import piece, rate
from dht import names
from dht.codec.bencode import decode, encode
from tests.torrent_samples import HYBRID, V1, V2, noise, sample
from torrent.core.metainfo import read_magnet, read_metainfo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl

KIB = 1024
ALBUM = {"album/one.flac": 300 * KIB, "album/two.flac": 70 * KIB, "album/cover.txt": 11}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A directory with some files."""
    for seed, (name, size) in enumerate(ALBUM.items()):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(noise(size, seed))
    return tmp_path / "album"


def one(done: Any) -> dict[str, Any]:
    assert done.code == 0, done.err
    [found] = done.objects
    return dict(found)


# create


def test_create_prints_the_path_alone(inside: Dhtctl, album: Path, tmp_path: Path) -> None:
    done = inside("create", "album")
    assert (done.code, done.out) == (0, "album.torrent\n")
    info = read_metainfo((tmp_path / "album.torrent").read_bytes()).info
    assert info.version == HYBRID
    assert str(read_magnet(done.err.splitlines()[-1])).startswith("magnet:?xt=urn:btih:")
    assert [str(f.path) for f in info.files if not f.pad] == sorted(ALBUM)


def test_creating_is_deterministic(inside: Dhtctl, album: Path) -> None:
    first = inside("create", "album", "-o", "-").raw
    for path in album.iterdir():
        os.utime(path, (1, 1))
    assert inside("create", "album", "-o", "-").raw == first
    assert read_metainfo(first).creation_date is None


def test_create_as_json(inside: Dhtctl, album: Path, tmp_path: Path) -> None:
    told = one(inside("create", "album", "-o", "x.torrent", "--json"))
    info = read_metainfo((tmp_path / "x.torrent").read_bytes()).info
    assert told["type"] == "created"
    assert told["file"] == "x.torrent"
    assert told["infohash_v1"] == hashlib.sha1(info.raw).hexdigest()
    assert told["infohash_v2"] == hashlib.sha256(info.raw).hexdigest()
    assert [names.parse(cid).digest.hex() for cid in told["cids"]] == [
        told["infohash_v1"],
        told["infohash_v2"],
    ]
    assert read_magnet(told["magnet"]).infohashes == info.infohashes
    assert told["size_bytes"] == sum(ALBUM.values())


@pytest.mark.parametrize(("word", "version"), [("--v1", V1), ("--v2", V2), ("--hybrid", HYBRID)])
def test_create_of_each_version(
    inside: Dhtctl, album: Path, word: str, version: object, tmp_path: Path
) -> None:
    assert inside("create", "album", word, "--piece-size", "32K", "-o", "x").code == 0
    info = read_metainfo((tmp_path / "x").read_bytes()).info
    assert (info.version, info.piece_length) == (version, 32 * KIB)


def test_what_create_is_told_is_in_it(inside: Dhtctl, album: Path) -> None:
    words = ("--tracker", "http://t.example/a", "--tracker", "udp://u.example:6969")
    more = ("--web-seed", "http://w.example/", "--comment", "hello", "--private", "--source", "me")
    raw = inside("create", "album", "-o", "-", *words, *more).raw
    found = read_metainfo(raw)
    assert found.trackers == (("http://t.example/a",), ("udp://u.example:6969",))
    assert (found.web_seeds, found.comment) == (("http://w.example/",), "hello")
    assert found.info.private
    decoded = decode(raw)
    assert isinstance(decoded, dict)
    assert decoded[b"info"][b"source"] == b"me"  # type: ignore[index, call-overload]
    told = one(inside("info", "-", "--json", stdin=raw))
    assert (told["source"], told["private"], told["comment"]) == ("me", True, "hello")
    text = inside("info", "-", stdin=raw).out
    for word in ("hello", "http://t.example/a", "udp://u.example:6969", "private", "me"):
        assert word in text


def test_who_will_be_found_by_nobody_is_warned(inside: Dhtctl, album: Path) -> None:
    assert "nobody will find it" in inside("create", "album", "--private").err


def test_create_overwrites_nothing_else(inside: Dhtctl, album: Path, tmp_path: Path) -> None:
    assert inside("create", "album").code == 0
    assert inside("create", "album").code == 0, "the same again is no harm"
    before = (tmp_path / "album.torrent").read_bytes()
    done = inside("create", "album", "--private")
    assert (done.code, "exists already" in done.err) == (1, True)
    assert (tmp_path / "album.torrent").read_bytes() == before
    (tmp_path / "dir").mkdir()
    assert "cannot write dir" in inside("create", "album", "-o", "dir").err


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("nothing",), 1, "nothing"),
        (("empty",), 1, "nothing in it"),
        (("album", "--piece-size", "17K"), 2, "power of two"),
        (("album", "--piece-size", "much"), 2, "power of two"),
        (("album", "--v1", "--v2"), 2, "not allowed with"),
        (("album", "--tracker", "ftp://x"), 2, "--tracker"),
        (("album", "--web-seed", "x"), 2, "--web-seed"),
    ],
)
def test_what_cannot_be_created(
    inside: Dhtctl, album: Path, tmp_path: Path, words: tuple[str, ...], code: int, why: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = inside("create", *words)
    assert (done.code, done.out) == (code, "")
    assert why in done.err


# info


def test_info_of_a_file(inside: Dhtctl, tmp_path: Path) -> None:
    what = sample({"t/a": 50_000, "t/b": 3}, HYBRID)
    (tmp_path / "t.torrent").write_bytes(what.metainfo)
    told = one(inside("info", "t.torrent", "--json"))
    assert (told["type"], told["name"], told["version"]) == ("torrent", "t", "hybrid")
    assert (told["piece_length_bytes"], told["pieces"]) == (16 * KIB, what.info.piece_count)
    real = [(n, f) for n, f in enumerate(what.info.files) if not f.pad]
    assert told["files"] == [
        {
            "index": n,
            "path": str(f.path),
            "size_bytes": f.length,
            "pieces_root": f.pieces_root.hex(),
            "executable": False,
            "symlink": None,
        }
        for n, f in real
        if f.pieces_root
    ]
    text = inside("info", "t.torrent").out
    for word in ("49 KiB in 2 files", "hybrid", told["cids"][0], told["infohash_v2"], "t/b"):
        assert word in text


def test_its_numbers_are_those_that_fetch_takes(inside: Dhtctl, tmp_path: Path) -> None:
    """Padding is not shown but counted, by `fetch --files` as by a link's ``so`` (BEP 53)."""
    what = sample({"t/a": 50_000, "t/b": 3, "t/c": 70_000}, HYBRID)
    (tmp_path / "t.torrent").write_bytes(what.metainfo)
    files = one(inside("info", "t.torrent", "--json"))["files"]
    assert [file["path"] for file in files] == ["t/a", "t/b", "t/c"]
    assert [file["index"] for file in files] != [0, 1, 2]
    shown = inside("info", "t.torrent").out.splitlines()
    for file in files:
        assert chosen(str(file["index"]))(what.info) == {file["index"]}
        assert str(what.info.files[file["index"]].path) == file["path"]
        assert any(line.split()[:2] == [str(file["index"]), file["path"]] for line in shown)


def test_a_bad_file_in_one_line(inside: Dhtctl, tmp_path: Path) -> None:
    bad = encode({b"info": {b"name": b"x", b"piece length": -1, b"pieces": b"", b"length": 1}})
    (tmp_path / "bad.torrent").write_bytes(bad)
    done = inside("info", "bad.torrent")
    assert (done.code, done.out) == (6, "")
    [line] = done.err.splitlines()
    assert line.startswith("error: bad.torrent: info.piece length: ")
    [told] = inside("info", "bad.torrent", "--json").complaints
    assert (told["exit_code"], told["field"]) == (6, "info.piece length")
    (tmp_path / "text").write_text("no torrent")
    assert inside("info", "text").code == 6
    assert inside("fetch", "text", "--no-dht").code == 6
    assert inside("seed", "bad.torrent").code == 6


def test_a_link_offline(inside: Dhtctl) -> None:
    link = "magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=film&tr=http%3A%2F%2Ft.example%2Fa&xl=2048"
    told = one(inside("info", link, "--offline", "--json"))
    assert (told["type"], told["infohash_v1"], told["name"]) == ("magnet", "ab" * 20, "film")
    assert told["trackers"] == [["http://t.example/a"]]
    text = inside("info", link, "--offline").out
    assert "film" in text
    assert "2 KiB" in text
    for key in ("ab" * 20, told["cids"][0]):
        assert one(inside("info", key, "--offline", "--json"))["infohash_v1"] == "ab" * 20
    v2 = one(inside("info", "cd" * 32, "--as", "infohash", "--offline", "--json"))
    assert (v2["infohash_v1"], v2["infohash_v2"]) == (None, "cd" * 32)


def test_what_a_link_says_in_vain_is_told(inside: Dhtctl) -> None:
    nonsense = ("x.pe=nowhere", "tr=ftp://t.example/", "ws=w", "so=1,b", f"xl={'9' * 200}")
    link = "&".join(
        ("magnet:?xt=urn:btih:" + "ab" * 20, "tr=http%3A%2F%2Ft.example%2Fa", *nonsense)
    )
    done = inside("info", link, "--offline")
    assert done.code == 0
    assert done.err.splitlines() == [
        "warning: the link's tr=ftp://t.example/ is no tracker's URL, and ignored",
        "warning: the link's ws=w is no web seed's URL, and ignored",
        "warning: the link's x.pe=nowhere is no HOST:PORT, and ignored",
        "warning: the link's so=b is no file's index or range of them, and ignored",
        f"warning: the link's xl={'9' * 80}... is no number of bytes, and ignored",
    ]
    many = "&".join(f"x.pe={n}" for n in range(20))
    assert inside("info", f"{link}&{many}", "--offline", "--json").complaints[-1]["fields"] == 17


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("magnet:?dn=nothing", "magnet"),
        ("gone", "there is no file gone"),
        ("x" * 5000, "address"),
        ("bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "not a torrent's"),
    ],
)
def test_what_names_no_torrent(inside: Dhtctl, text: str, why: str) -> None:
    for verb in ("info", "fetch"):
        done = inside(verb, text)
        assert (done.code, why in done.err) == (2, True), done.err


def test_a_file_that_is_not_there(inside: Dhtctl) -> None:
    done = inside("info", "gone.torrent")
    assert (done.code, "cannot read gone.torrent" in done.err) == (1, True)


# verify


@pytest.fixture
def made(inside: Dhtctl, album: Path) -> Path:
    assert inside("create", "album", "--piece-size", "16K").code == 0
    return album


def test_what_is_whole(inside: Dhtctl, made: Path) -> None:
    done = inside("verify", "album.torrent")
    assert (done.code, done.out) == (0, "album is whole: 370 KiB, 25 pieces\n")
    told = one(inside("verify", "album.torrent", str(made.parent), "--json"))
    assert (told["type"], told["pieces"], told["size_bytes"]) == ("verified", 25, 378_891)


def test_what_is_damaged(inside: Dhtctl, made: Path) -> None:
    with (made / "one.flac").open("r+b") as file:
        for piece in (0, 1, 2, 7):
            file.seek(piece * 16 * KIB)
            file.write(b"?")
    (made / "cover.txt").unlink()
    done = inside("verify", "album.torrent")
    assert done.code == 6
    assert done.out.splitlines() == [
        f"{made}/cover.txt: missing",
        f"{made}/one.flac: 4 of 19 pieces bad (1-3, 8)",
    ]
    assert "album is damaged: 5 pieces of 25, in 2 files" in done.err
    done = inside("verify", "album.torrent", "--json")
    assert [(d["missing"], d["bad_pieces"]) for d in done.objects] == [
        (True, [0]),
        (False, [1, 2, 3, 8]),
    ]
    [error] = done.complaints
    assert (error["bad_pieces"], error["bad_files"], error["exit_code"]) == (5, 2, 6)


def test_what_is_not_there_at_all(inside: Dhtctl, made: Path, tmp_path: Path) -> None:
    done = inside("verify", "album.torrent", str(tmp_path / "elsewhere"))
    assert done.code == 6
    assert done.out.count("missing") == 3
    assert not (tmp_path / "elsewhere").exists(), "checking makes nothing"


def test_what_the_state_knows_nothing_of(inside: Dhtctl) -> None:
    done = inside("verify", "ab" * 20)
    assert (done.code, "not in this state" in done.err) == (3, True)


def test_what_cannot_be_compared(inside: Dhtctl, album: Path, tmp_path: Path) -> None:
    """BEP 52: without its piece layer a file's pieces can be told from nothing."""
    assert inside("create", "album", "--v2", "--piece-size", "16K", "-o", "full.torrent").code == 0
    told = decode((tmp_path / "full.torrent").read_bytes())
    assert isinstance(told, dict)
    del told[b"piece layers"]
    (tmp_path / "bare.torrent").write_bytes(encode(told))
    for verb in ("verify", "seed"):
        done = inside(verb, "bare.torrent")
        assert (done.code, done.out) == (1, "")
        assert "album cannot be checked: the torrent has no piece layer" in done.err
        assert "of 2 files" in done.err


# Words.


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ("0", {0}),
        ("0,2", {0, 2}),
        ("1-2", {1, 2}),
        ("*.txt", {0}),
        ("t/b.bin", {1}),
        ("b.bin", {1}),
        ("t/*", {0, 1, 2}),
        ("nothing,9", set()),
        (",", set()),
    ],
)
def test_which_files(words: str, files: set[int]) -> None:
    what = sample({"t/a.txt": 1, "t/b.bin": 2, "t/c": 3}, V1)
    assert chosen(words)(what.info) == files


def test_numbers_as_people_write_them() -> None:
    assert ranges([]) == []
    assert ranges([0, 1, 2, 4, 7, 8]) == ["0-2", "4", "7-8"]


def test_a_rate_is_told_where_it_means_something() -> None:
    assert speed(16 * KIB, 0.035) == "", "that was the time of the round trips"
    assert speed((1 << 20) - 1, 1.0) == ""
    assert speed(1 << 20, 0.5) == " (2.0 MiB/s)"
    assert speed(1 << 20, 0.0) == ""


def test_rates_and_sizes() -> None:
    assert [rate(text) for text in ("10", "1.5K", "2M", "1MiB", "1GB")] == [
        10,
        1536,
        2 << 20,
        1 << 20,
        1 << 30,
    ]
    assert [piece(text) for text in ("16384", "16K", "1M", "256MiB")] == [
        1 << 14,
        1 << 14,
        1 << 20,
        1 << 28,
    ]
