"""The words of ``publish``, ``follow`` and ``serve``."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Final

from cli.verbs import DIRECTORY, add_address, add_passphrase, completes, natural, positive
from cli.verbs.torrents import rate

if TYPE_CHECKING:
    from cli.parser import Parser
    from cli.verbs import Verbs

_MOST_PORT: Final = 65535


def register(verbs: Verbs) -> None:
    """Declare them."""
    _publish(verbs)
    _follow(verbs)
    _serve(verbs)


def _publish(verbs: Verbs) -> None:
    parser = verbs.add(
        "publish",
        "publish a directory under a name that always leads to its newest version",
        about="Makes a torrent of what DIR holds now, signs a record that leads to it, and prints\n"
        "the name. Run it again after a change: followers fetch the files that changed and\n"
        "nothing else; if nothing changed, nothing is done. What is published is a copy (links\n"
        "to unchanged files), so DIR may be edited at any time. A running `dhtctl node` of the\n"
        "same --state serves it and keeps the name; else this command stays and does.\n"
        "With --origin, upload DIR itself to URL/, and to suffice alone the torrent file that is\n"
        "named then: what DIR holds is at URL/DIR/, and what that is at URL/INFOHASH.torrent.",
        examples=(
            ("dhtctl publish public/", "sign it with your only key (one is made if you have none)"),
            ("dhtctl publish public/ --name me --salt blog --replicas 3", "and count the copies"),
        ),
    )
    completes(parser.add_argument("directory", metavar="DIR", help="what to publish"), DIRECTORY)
    parser.add_argument("--name", metavar="KEY", help="sign with this key (see dhtctl key)")
    parser.add_argument(
        "--salt", metavar="TEXT", help="which of the key's names (default: what DIR is called)"
    )
    _add_versions(parser)
    parser.add_argument(
        "--origin", metavar="URL", help="a web server has it, too: what followers turn to (BEP 19)"
    )
    parser.add_argument(
        "--replicas",
        type=natural,
        default=0,
        metavar="N",
        help="count who has a copy, by asking for a piece of it, and miss those that go",
    )
    add_passphrase(parser)
    _add_limit(parser, "--upload-limit")


def _follow(verbs: Verbs) -> None:
    parser = verbs.add(
        "follow",
        "keep a directory at the newest version of a name, and serve it to others",
        about="DIR becomes a link to the newest version, which is whole and verified before the\n"
        "link is switched to it. Files that did not change are taken from the version before.\n"
        "What is here is served, and the name kept, without its key: if the publisher goes,\n"
        "others still get both from here.",
        examples=(
            ("dhtctl follow k51qzi5uqu5d.../blog -o blog", "mirror it until Ctrl-C"),
            ("dhtctl follow k51qzi5uqu5d.../blog --once", "once; a running node serves it"),
        ),
    )
    add_address(parser, "NAME", "whose versions to follow")
    completes(
        parser.add_argument(
            "-o",
            "--output",
            metavar="DIR",
            help="where it is seen (default: here, called by the name's salt)",
        ),
        DIRECTORY,
    )
    parser.add_argument("--once", action="store_true", help="do not wait for newer versions")
    _add_versions(parser)
    _add_limit(parser, "--upload-limit")
    _add_limit(parser, "--download-limit")


def _serve(verbs: Verbs) -> None:
    parser = verbs.add(
        "serve",
        "show names and torrents in any browser",
        about="Answers HTTP: /btpk/NAME/path is a file of the newest version of a name (its salt\n"
        "follows a tilde: k51...~salt), /btih/HASH/path one of a torrent. Nothing leaves that was\n"
        "not verified; what is not here yet is fetched while you wait. With NAMEs, only those are\n"
        "served, and kept at their newest versions; without, whatever is asked for. What is\n"
        "served is also seeded. The page at / shows it all, /metrics tells it to Prometheus.\n"
        "\n"
        "Below /btpk/ all sites are one to a browser, and may read each other's cookies and\n"
        "pages. At http://KEY.localhost:8080/ (with a salt, http://SALT.KEY.localhost:8080/, if\n"
        "that is small letters, digits and hyphens) each is by itself.\n"
        "\n"
        "A site's index.html, 404.html and _redirects (lines of FROM TO [STATUS], with * and\n"
        ":words) are obeyed. Repositories are at /git/NAME/bundles, for any git since 2.38:\n"
        "git clone --bundle-uri=http://127.0.0.1:8080/git/NAME/bundles ORIGIN.",
        examples=(
            ("dhtctl serve", "whatever your browser asks for, on http://127.0.0.1:8080/"),
            ("dhtctl serve --pin k51qzi5uqu5d.../blog", "and keep that one here for good"),
        ),
        redefines=True,
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="serve these, and nothing else")
    parser.add_argument(
        "--listen",
        dest="http",
        type=web_address,
        default=("127.0.0.1", 8080),
        metavar="HOST:PORT",
        help="where browsers find it (default: 127.0.0.1:8080; port 0: any free one). Where the\n"
        "DHT listens is said before the verb: dhtctl --listen PORT serve",
    )
    _add_holding(parser)
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="answer to this host name, too; others could be traps (may be repeated)",
    )


def _add_holding(parser: Parser) -> None:
    """Take what a gateway has here, and where else it looks."""
    parser.add_argument(
        "--cache-size",
        type=size,
        default=10_000_000_000,
        metavar="SIZE",
        help="keep so much of what is fetched; what was unused longest goes (default: 10GB)",
    )
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="NAME",
        help="have all of this name here at any time (may be repeated)",
    )
    parser.add_argument(
        "--origin",
        metavar="URL",
        help="a web server has it, too: turn to that when the swarm is slow (BEP 19)",
    )


def web_address(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``, ``[IPV6]:PORT`` or a port of loopback.

    Raises:
        ArgumentTypeError: It is none.
    """
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _MOST_PORT) or (colon and not host):
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]") or "127.0.0.1", int(port)


def size(text: str) -> int:
    """Read a size in bytes: ``500MB``, ``10GB``, ``1GiB``, or a bare number.

    Raises:
        ArgumentTypeError: It is none.
    """
    found = re.fullmatch(r"([0-9]{1,15})(?:\.([0-9]{1,3}))? ?([KMGT]?)(i?)B?", text, re.IGNORECASE)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not a size, such as 500MB or 10GB")
    whole, part, unit, binary = found.groups()
    step = 1024 if binary else 1000
    return int(float(f"{whole}.{part or 0}") * step ** " KMGT".index(unit.upper() or " "))


def _add_versions(parser: Parser) -> None:
    parser.add_argument(
        "--keep-versions",
        type=positive,
        default=2,
        metavar="N",
        help="how many versions stay on disk and are served (default: 2)",
    )


def _add_limit(parser: Parser, flag: str) -> None:
    parser.add_argument(flag, type=rate, metavar="RATE", help="bytes a second, as in 500K or 2M")
