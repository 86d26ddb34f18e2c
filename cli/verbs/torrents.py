"""The words of ``create``, ``info``, ``seed``, ``fetch``, ``verify`` and ``torrents``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Final

from cli.verbs import DIRECTORY, FILE, add_as, completes

if TYPE_CHECKING:
    from cli.parser import Parser
    from cli.verbs import Verbs

_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_LEAST_PIECE: Final = 1 << 14
_MOST_PIECE: Final = 1 << 28


def register(verbs: Verbs) -> None:
    """Declare them."""
    _seed(verbs)
    _fetch(verbs)
    _create(verbs)
    _info(verbs)
    _verify(verbs)
    verbs.add(
        "torrents",
        "list the torrents of this state directory",
        about="What was seeded and fetched with it: how much is here, who has it at work, where.",
        examples=(
            ("dhtctl torrents", "a table"),
            ("dhtctl torrents --json", "one object per torrent"),
        ),
    )


def _seed(verbs: Verbs) -> None:
    parser = verbs.add(
        "seed",
        "share files or directories, and print their magnet links",
        about="Makes a torrent of each PATH unless it is one already (then its data must lie\n"
        "beside it, or here), announces it in the DHT and serves it until stopped. A running\n"
        "`dhtctl node` of the same --state takes that over, and goes on with it in every later\n"
        "run, until `dhtctl forget`. Nothing is copied: the files stay where they are.",
        examples=(
            ("dhtctl seed film.mkv", "print the magnet link, and serve until Ctrl-C"),
            ("dhtctl seed album/ --upload-limit 2M", "a directory, with 2 MiB/s at the most"),
        ),
    )
    completes(
        parser.add_argument(
            "paths", metavar="PATH", nargs="+", help="a file, a directory, or a torrent file"
        ),
        FILE,
    )
    _add_making(parser)
    _add_upload(parser)


def _fetch(verbs: Verbs) -> None:
    parser = verbs.add(
        "fetch",
        "download a torrent, and verify it",
        about="Finds peers in the DHT, and with the trackers that the torrent names. Started\n"
        "again after an interruption it goes on where it was. Prints where the result lies.",
        examples=(
            ("dhtctl fetch magnet:?xt=urn:btih:...", "into this directory"),
            ("dhtctl fetch film.torrent -o - | mpv -", "one file, in order, to a pipe"),
        ),
    )
    _add_torrent(parser)
    completes(
        parser.add_argument(
            "-o",
            "--output",
            metavar="DIR",
            default=".",
            help="put it there (default: here); - writes a single file to stdout",
        ),
        DIRECTORY,
    )
    _add_peer(parser)
    parser.add_argument(
        "--files",
        metavar="WHICH",
        help="only these: indexes that `info` shows, ranges, globs: 0,3-5,*.txt",
    )
    parser.add_argument("--sequential", action="store_true", help="fetch it in its order")
    parser.add_argument(
        "--seed-after", action="store_true", help="go on serving it: see `dhtctl seed`"
    )
    _add_upload(parser)
    parser.add_argument(
        "--download-limit", type=rate, metavar="RATE", help="bytes a second, as in 500K or 2M"
    )
    parser.add_argument("--no-dht", action="store_true", help="do not ask the DHT for peers")


def _create(verbs: Verbs) -> None:
    parser = verbs.add(
        "create",
        "make a torrent file of a file or a directory, and print its path",
        about="The same files and options always give the same bytes: no dates, no chance.",
        examples=(
            ("dhtctl create album/ -o album.torrent", "for every client (hybrid)"),
            ("dhtctl create film.mkv --v1 --tracker udp://tracker.example:6969", "v1, a tracker"),
        ),
    )
    completes(
        parser.add_argument("path", metavar="PATH", help="what to share: a file or a directory"),
        FILE,
    )
    completes(
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="(default: NAME.torrent here); - is stdout"
        ),
        FILE,
    )
    _add_making(parser)


def _info(verbs: Verbs) -> None:
    parser = verbs.add(
        "info",
        "describe a torrent: its names, files, pieces and trackers",
        about="Of a magnet link, an infohash or a CID the metadata is fetched from peers, which\n"
        "the DHT or --peer names; nothing else is downloaded.",
        examples=(
            ("dhtctl info film.torrent", "check a torrent file and show what is in it"),
            ("dhtctl info --json magnet:?xt=urn:btih:...", "the same of a link, for a program"),
        ),
    )
    _add_torrent(parser)
    parser.add_argument(
        "--offline", action="store_true", help="ask nobody: tell what the words themselves say"
    )
    _add_peer(parser)


def _verify(verbs: Verbs) -> None:
    parser = verbs.add(
        "verify",
        "compare files with their torrent",
        about="Hashes all of it. Ends with 0 if it is whole, else with 6 and says what is bad.",
        examples=(
            ("dhtctl verify film.torrent", "the data lies here"),
            ("dhtctl verify album.torrent /srv/music", "the directory that has album/ in it"),
        ),
    )
    completes(
        parser.add_argument(
            "torrent", metavar="FILE|INFOHASH", help="a torrent file, or one that `torrents` lists"
        ),
        FILE,
    )
    completes(
        parser.add_argument(
            "directory",
            metavar="DIR",
            nargs="?",
            help="where its files are (default: here, or where it was fetched to)",
        ),
        DIRECTORY,
    )
    add_as(parser)


def _add_torrent(parser: Parser) -> None:
    completes(
        parser.add_argument(
            "torrent",
            metavar="TORRENT",
            help="a torrent file, a magnet link, an infohash or a CID",
        ),
        FILE,
    )
    add_as(parser)


def _add_peer(parser: Parser) -> None:
    parser.add_argument(
        "--peer",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="ask this one first (may be repeated)",
    )


def _add_upload(parser: Parser) -> None:
    parser.add_argument(
        "--upload-limit", type=rate, metavar="RATE", help="bytes a second, as in 500K or 2M"
    )


def _add_making(parser: Parser) -> None:
    """Take what shapes a new torrent."""
    making = parser.add_argument_group("the torrent that is made")
    version = making.add_mutually_exclusive_group()
    for word, who in (("v1", "old clients"), ("v2", "new ones (BEP 52)"), ("hybrid", "both")):
        version.add_argument(
            f"--{word}",
            dest="version",
            action="store_const",
            const=word,
            help=f"for {who}" + (" (default)" if word == "hybrid" else ""),
        )
    making.add_argument(
        "--piece-size", type=piece, metavar="SIZE", help="as in 256K or 1M (default: by size)"
    )
    for flag, what in (("--tracker", "announce there too"), ("--web-seed", "it is there too")):
        making.add_argument(
            flag, metavar="URL", action="append", default=[], help=f"{what} (may be repeated)"
        )
    making.add_argument(
        "--private", action="store_true", help="peers come from its trackers alone (BEP 27)"
    )
    making.add_argument("--comment", metavar="TEXT", default="", help="a word to people")
    making.add_argument(
        "--source", metavar="TEXT", default="", help="a word that makes the infohash another"
    )


def rate(text: str) -> float:
    """Read bytes a second.

    Raises:
        ArgumentTypeError: It is none.
    """
    number = _amount(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a rate: write bytes a second, as in 500K or 2M")
    return number


def piece(text: str) -> int:
    """Read the length of pieces.

    Raises:
        ArgumentTypeError: It is no power of two, or too small or too large.
    """
    number = _amount(text)
    size = int(number) if 0 < number <= _MOST_PIECE else 0
    if size != number or size < _LEAST_PIECE or size & (size - 1):
        raise ArgumentTypeError(f"{text!r} is not a power of two from 16K to 256M")
    return size


def _amount(text: str) -> float:
    """A number with K, M or G (of 1024) behind it; -1 if it is none."""
    word = text.upper().removesuffix("B").removesuffix("I")
    number, unit = (word[:-1], _UNITS[word[-1]]) if word[-1:] in _UNITS else (word, 1)
    try:
        return float(number) * unit
    except ValueError:
        return -1.0
