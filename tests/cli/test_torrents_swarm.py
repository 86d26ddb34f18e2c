"""``seed`` and ``fetch`` from outside, with real processes on both sides, and the node between."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.dhtctl import dhtctl_inside
from tests.running import PATIENCE, Staying
from tests.torrent_samples import noise, sample
from torrent.core.metainfo import Magnet, read_magnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.dhtctl import Dhtctl

KIB = 1024
FILM = noise(900 * KIB)
BAND = {"band/a.txt": b"hello\n", "band/b.bin": noise(200 * KIB, 1)}


@pytest.fixture
def away(tmp_path: Path, doors: str) -> Path:
    """The home of somebody else, with something to share."""
    home = tmp_path / "away"
    (home / "band").mkdir(parents=True)
    (home / "film").write_bytes(FILM)
    for name, content in BAND.items():
        (home / name).write_bytes(content)
    return home


@pytest.fixture
def seeding(away: Path, doors: str, tmp_path: Path) -> Iterator[tuple[Staying, str, str]]:
    """A ``dhtctl seed`` with two torrents: itself, and its links."""
    with Staying(away, "seed", "film", "band", DHTCTL_BOOTSTRAP=doors) as running:
        film, band = running.line(), running.line()
        running.told("at work on port")
        for link in (film, band):
            announced(dhtctl_inside(tmp_path), link, doors)
        yield running, film, band


def announced(dhtctl: Dhtctl, link: str, doors: str) -> None:
    """Return once the DHT knows of it: who looks before that is told that nobody has it."""
    deadline = time.monotonic() + PATIENCE
    while dhtctl("find", link, "--as", "infohash", DHTCTL_BOOTSTRAP=doors).code:
        assert time.monotonic() < deadline, "it was never announced"


def port_of(running: Staying) -> int:
    return int(running.told("at work on port").split()[-1])


def until(dhtctl: Dhtctl, holds: Any) -> dict[str, Any]:
    """Run ``torrents`` until one line satisfies; that line."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for told in dhtctl("torrents", "--json").objects:
            if holds(told):
                return dict(told)
    raise AssertionError(dhtctl("torrents", "--json").out)


# Through the DHT.


def test_a_link_is_enough(online: Dhtctl, seeding: Any, tmp_path: Path) -> None:
    _, film, _ = seeding
    assert read_magnet(film).name == "film"
    done = online("fetch", film, "-o", "got", "--json")
    assert done.code == 0, done.err
    told = done.objects[-1]
    assert (tmp_path / "got" / "film").read_bytes() == FILM
    assert (told["type"], told["size_bytes"], told["peers"]) == ("fetched", len(FILM), 1)
    assert 0 < told["elapsed_s"] < PATIENCE
    assert told["path"] == str(tmp_path / "got" / "film")
    assert (told["downloaded_bytes"], told["wasted_bytes"]) == (len(FILM), 0)


def test_an_infohash_or_a_cid_is_too(online: Dhtctl, seeding: Any, tmp_path: Path) -> None:
    _, _, band = seeding
    link = read_magnet(band)
    assert link.infohash_v1
    done = online("fetch", link.infohash_v1.hex(), "-o", "one")
    assert (done.code, done.out) == (0, f"{tmp_path}/one/band\n")
    assert "1 peer" in done.err
    [told] = online("info", band, "--json", "--peer", "127.0.0.1:9").objects
    assert (told["name"], len(told["files"])) == ("band", 2)
    assert online("fetch", told["cids"][1], "-o", "two").code == 0
    for place in ("one", "two"):
        assert (tmp_path / place / "band" / "b.bin").read_bytes() == BAND["band/b.bin"]
    # What was learned is remembered, and needs nobody any more.
    assert "band" in online("info", link.infohash_v1.hex(), DHTCTL_BOOTSTRAP="").out
    assert online("verify", link.infohash_v1.hex()).code == 0


def test_a_single_file_to_stdout(online: Dhtctl, seeding: Any) -> None:
    _, film, band = seeding
    done = online("fetch", film, "-o", "-", "--json")
    assert (done.code, done.raw) == (0, FILM), done.err
    assert done.complaints[-1]["type"] == "fetched"
    done = online("fetch", band, "-o", "-", "--files", "*.txt")
    assert (done.code, done.raw) == (0, BAND["band/a.txt"])
    done = online("fetch", band, "-o", "-")
    assert (done.code, "2 files, and stdout takes one" in done.err) == (2, True)
    assert online("fetch", band, "-o", "-", "--seed-after").code == 2
    assert online("torrents").out == "", "a pipe leaves nothing behind"


def test_only_some_files(online: Dhtctl, seeding: Any, tmp_path: Path) -> None:
    _, _, band = seeding
    assert online("fetch", band, "-o", "got", "--files", "*.txt", "--sequential").code == 0
    assert (tmp_path / "got" / "band" / "a.txt").read_bytes() == BAND["band/a.txt"]
    assert not (tmp_path / "got" / "band" / "b.bin").exists()
    [told] = online("torrents", "--json").objects
    assert (told["size_bytes"], told["progress"], told["state"]) == (6, 1.0, "complete")
    done = online("fetch", band, "-o", "more", "--files", "*.ogg")
    assert (done.code, "means no file" in done.err) == (2, True)


# Without it.


def test_a_peer_and_no_dht(away: Path, inside: Dhtctl, tmp_path: Path) -> None:
    with Staying(away, "seed", "film") as running:
        film, port = running.line(), port_of(running)
        done = inside("fetch", film, "--no-dht", "--peer", f"127.0.0.1:{port}", "--json")
        assert done.code == 0, done.err
        assert (tmp_path / "film").read_bytes() == FILM


def test_limits_are_kept(away: Path, inside: Dhtctl) -> None:
    with Staying(away, "seed", "film") as running:
        film, port = running.line(), port_of(running)
        words = ("--no-dht", "--peer", f"localhost:{port}", "--download-limit", "300K")
        [told] = inside("fetch", film, *words, "--json").objects
        # A second's worth may come at once.
        assert told["elapsed_s"] > 1.0


def test_nobody_has_it(online: Dhtctl) -> None:
    """It is told so within seconds, with what was asked; even by who asked for it a moment ago."""
    begun = time.monotonic()
    for verb in ("fetch", "info", "fetch"):
        done = online(verb, "ab" * 20, "--json")
        assert (done.code, done.out) == (3, "")
        error = done.complaints[-1]
        assert error["answered"] > 0
        assert error["complete"]
        assert "closest answered, none had it" in error["achieved"]
    assert time.monotonic() - begun < 3 * PATIENCE  # Who were patient with each, took longer.


def test_a_tracker_has_its_say(online: Dhtctl) -> None:
    """Of a tracker that does not answer it is not known whom it would name."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        tracker = f"http://127.0.0.1:{deaf.getsockname()[1]}/announce"
        link = f"magnet:?xt=urn:btih:{'ab' * 20}&tr={tracker}"
        assert online("fetch", link, DHTCTL_PATIENCE="4").code == 4
    done = online("fetch", link.replace("ab", "ac"))
    assert (done.code, "1 tracker named nobody either" in done.err) == (3, True)


def test_who_is_known_is_waited_for(online: Dhtctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        peer = f"127.0.0.1:{deaf.getsockname()[1]}"
        done = online("fetch", "ad" * 20, "--peer", peer, "--json", DHTCTL_PATIENCE="4")
    assert done.code == 4
    assert done.complaints[-1]["nodes_answered"] > 0
    assert done.complaints[-1]["peers_dialled"] == 1


def test_nobody_answers(inside: Dhtctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        peer = f"127.0.0.1:{deaf.getsockname()[1]}"
        done = inside("fetch", "ab" * 20, "--no-dht", "--peer", peer, "--json", DHTCTL_PATIENCE="2")
    assert done.code == 4
    assert done.complaints[-1]["peers_dialled"] == 1


def test_there_is_no_network(inside: Dhtctl) -> None:
    begun = time.monotonic()
    for verb in ("fetch", "info"):
        done = inside(verb, "ab" * 20, DHTCTL_BOOTSTRAP="127.0.0.1:9")
        assert (done.code, "no network" in done.err) == (4, True)
    assert time.monotonic() - begun < 2 * PATIENCE


@pytest.mark.parametrize(
    "peer",
    [
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "127.0.0.1:0",
        "nonsense",
        "::1",
        "a b:80",
        "",
    ],
)
def test_what_is_no_peer(inside: Dhtctl, peer: str) -> None:
    """It is refused by its form; nobody's name server is asked."""
    done = inside("fetch", "ab" * 20, "--no-dht", "--peer", peer)
    assert (done.code, "write HOST:PORT" in done.err) == (2, True)


def test_a_peer_whose_name_is_nobodys(inside: Dhtctl) -> None:
    done = inside("fetch", "ab" * 20, "--no-dht", "--peer", f"{'x' * 64}.invalid:80")
    assert (done.code, "does not resolve" in done.err) == (4, True)


def test_the_disk_refuses(away: Path, inside: Dhtctl, tmp_path: Path) -> None:
    what = sample({"film": FILM})
    (tmp_path / "film.torrent").write_bytes(what.metainfo)
    (tmp_path / "got" / "film").mkdir(parents=True)
    done = inside("fetch", "film.torrent", "--no-dht", "-o", "got")
    assert done.code == 1
    assert "got/film" in done.err
    assert "a directory stands where a file should be: move it away" in done.err
    done = inside("fetch", "film.torrent", "--no-dht", "-o", "film.torrent")
    assert (done.code, "is no directory" in done.err) == (1, True)


def test_an_interrupted_fetch_goes_on(away: Path, inside: Dhtctl, tmp_path: Path) -> None:
    with Staying(away, "seed", "film") as running:
        film, port = running.line(), port_of(running)
        words = ("fetch", film, "--no-dht", "--peer", f"127.0.0.1:{port}", "--json")
        with Staying(tmp_path, *words, "--download-limit", "200K") as fetching:
            until(inside, lambda told: told["progress"] > 0.2)
            assert fetching.stop(signal.SIGINT) == 130
        here = until(inside, lambda told: told["state"] == "stopped")["progress"]
        told = inside(*words).objects[-1]
        assert told["downloaded_bytes"] <= (1 - here) * len(FILM) + 16 * KIB
        assert (tmp_path / "film").read_bytes() == FILM
        again = inside(*words).objects[-1]
        assert (again["downloaded_bytes"], again["size_bytes"]) == (0, len(FILM))


def test_damage_is_mended(away: Path, inside: Dhtctl, tmp_path: Path) -> None:
    with Staying(away, "seed", "film") as running:
        film, port = running.line(), port_of(running)
        words = ("fetch", film, "--no-dht", "--peer", f"127.0.0.1:{port}", "--json")
        assert inside(*words).code == 0
        with (tmp_path / "film").open("r+b") as file:
            file.write(b"?")
        told = inside(*words).objects[-1]
        assert 0 < told["downloaded_bytes"] < len(FILM) / 4
        assert (tmp_path / "film").read_bytes() == FILM


# What is promised.


def test_seed_ends_well(seeding: Any, away: Path) -> None:
    running, _, _ = seeding
    there = dhtctl_inside(away)
    until(there, lambda told: told["state"] == "seeding" and told["pid"] == running.pid)
    assert running.stop(signal.SIGINT) == 0
    told = there("torrents", "--json").objects
    assert [(each["name"], each["state"], each["promised"]) for each in told] == [
        ("film", "waiting", True),
        ("band", "waiting", True),
    ]


def test_seed_ends_when_all_is_forgotten(seeding: Any, away: Path) -> None:
    running, _, _ = seeding
    assert dhtctl_inside(away)("forget", "--all").code == 0
    assert running.process.wait(PATIENCE) == 0
    assert (away / "film").read_bytes() == FILM


def test_a_node_goes_on_with_it(online: Dhtctl, away: Path, doors: str, tmp_path: Path) -> None:
    there = dhtctl_inside(away)
    with Staying(away, "node", DHTCTL_BOOTSTRAP=doors) as node:
        node.line()
        done = there("seed", "film", "--upload-limit", "1M", DHTCTL_BOOTSTRAP=doors)
        assert done.code == 0
        assert "--upload-limit is for the node to keep" in done.err
        assert f"process {node.pid}) seeds it now" in done.err
        node.told("1 torrent at work")
        until(there, lambda told: told["state"] == "seeding" and told["pid"] == node.pid)
        film = done.out.strip()
        assert online("fetch", film, "-o", "got").code == 0
        assert (tmp_path / "got" / "film").read_bytes() == FILM
        assert "film" in there("status").out
        assert node.stop() == 0
    with Staying(away, "node", "--upload-limit", "10M", DHTCTL_BOOTSTRAP=doors) as node:
        node.told("1 torrent at work")
        assert online("fetch", film, "-o", "again").code == 0
        assert there("forget", film).code == 0
        node.told("0 torrents at work")
        assert node.stop() == 0


def test_a_node_whose_port_is_taken_says_so_and_tries_again(away: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ("node", "--listen", f"127.0.0.1:{port}")
        with Staying(away, *words) as node:
            node.line()
            with Staying(away, "seed", "film") as running:
                running.line()
                assert str(port) in node.told("torrents cannot be seeded, trying again")
                taken.close()
                node.told(f"1 torrent at work on port {port}")
                running.told(f"process {node.pid})")
                assert running.process.wait(PATIENCE) == 0


def test_fetched_and_seeded_after(seeding: Any, online: Dhtctl, doors: str, tmp_path: Path) -> None:
    _, film, band = seeding
    words = ("fetch", film, "-o", "got", "--seed-after")
    with Staying(tmp_path, *words, DHTCTL_BOOTSTRAP=doors) as running:
        assert running.line() == f"{tmp_path}/got/film"
        told = until(online, lambda told: told["state"] == "seeding")
        assert (told["promised"], told["pid"]) == (True, running.pid)
        assert running.stop(signal.SIGINT) == 0
    with Staying(tmp_path, "node", DHTCTL_BOOTSTRAP=doors) as node:
        node.told("1 torrent at work")
        done = online("fetch", band, "-o", "got", "--seed-after")
        assert (done.code, "seeds it now" in done.err) == (0, True)
        node.told("2 torrents at work")


def test_seeding_a_torrent_with_its_data(away: Path, tmp_path: Path) -> None:
    what = sample({"film": FILM})
    (away / "film.torrent").write_bytes(what.metainfo)
    with Staying(away, "seed", "film.torrent") as running:
        assert running.line() == str(Magnet.of(what.info))
    there = dhtctl_inside(away)
    (away / "film").write_bytes(FILM[:-1] + b"?")
    done = there("seed", "film.torrent")
    assert (done.code, done.out) == (6, "")
    assert "1 of" in done.err
    (away / "film").unlink()
    done = there("seed", "film.torrent")
    assert (done.code, "is not there" in done.err) == (1, True)


def test_what_cannot_be_seeded(inside: Dhtctl, tmp_path: Path) -> None:
    done = inside("seed", "nothing")
    assert (done.code, done.out) == (1, "")
    os.mkfifo(tmp_path / "pipe")
    assert "is no file, directory or link" in inside("seed", "pipe").err


def test_progress_in_plain_lines(away: Path, tmp_path: Path) -> None:
    with Staying(away, "seed", "film") as running:
        film, port = running.line(), port_of(running)
        words = ("fetch", film, "--no-dht", "--peer", f"127.0.0.1:{port}")
        with Staying(tmp_path, *words, "--download-limit", "60K") as fetching:
            line = fetching.told("fetch film")
    assert "% of 900 KiB" in line
    assert "1 peer" in line
    assert "left" in line
