"""A torrent in any form that a user may name it by: a file, a link, an infohash, a CID."""

from __future__ import annotations

import re
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import trio

from cli import files
from cli.errors import CommandError, IntegrityError, UnreachableError, UsageError
from cli.evidence import count
from cli.keys import explained, read_address
from cli.torrents import stored
from dht.names import AddressError, Kind, Reading
from dht.node.config import parse_address
from torrent.cdn.name import Name
from torrent.core.metainfo import Info, Magnet, Metainfo, read_magnet, read_metainfo
from torrent.errors import MetainfoError
from torrent.io.task import MAX_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cli.context import Context
    from dht.names import Address
    from torrent.io.task import Endpoint

Torrent: TypeAlias = "Metainfo | Magnet | Name"

_SHA1 = 20
_PEER = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]+):[0-9]+")
"""What may be meant by --peer. All else is refused, instead of asking the DNS about it."""
_NONSENSE = {
    "tr": "no tracker's URL",
    "ws": "no web seed's URL",
    "x.pe": "no HOST:PORT",
    "so": "no file's index or range of them",
    "xl": "no number of bytes",
}
_WARNINGS = 8
"""Lines about one link: who damaged it needs no thousand to see that."""
_SHOWN = 80
"""Characters of a field in a warning."""
_HINT = "give a torrent file, a magnet link, an infohash, a CID or a name"


def read(context: Context, text: str) -> Torrent:
    """Read what the user named; blocks. What the state knows of an infohash is used.

    A name is returned as it is: where it leads, the network says (:mod:`cli.torrents.naming`).

    Raises:
        IntegrityError: The file is no torrent.
        UsageError: The words name none.
    """
    if not text:
        raise UsageError("an empty name names no torrent", hint=_HINT)
    if text.lower().startswith("magnet:"):
        return _magnet(context, text)
    if is_file(text):
        return read_file(text)
    address = _address(context, text, (Kind.TORRENT, Kind.NAME))
    if address.kind is Kind.NAME:
        return _name(address)
    known = stored.metainfo(context.settings.state, address.mainline_key)
    return bare(address) if known is None else known


def is_file(text: str) -> bool:
    """Whether the user means a file, be it there or not."""
    return text == "-" or (text.endswith(".torrent") and not Path(text).is_dir()) or _exists(text)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # Far too long for a name.
        return False


def read_file(name: str) -> Metainfo:
    """Read a torrent file.

    Raises:
        IntegrityError: It is none; the message has one line and names the field.
        CommandError: It cannot be read.
    """
    if name != "-" and files.may_wait(name):
        raise CommandError(f"{name} is no file that can be read to its end")
    data = files.read(name, MAX_FILE)
    if len(data) > MAX_FILE:
        raise IntegrityError(f"{name}: torrent: more than {MAX_FILE} bytes")
    try:
        return read_metainfo(data)
    except MetainfoError as error:
        raise IntegrityError(f"{name}: {error}", field=error.field, fault=error.fault) from error


def read_name(context: Context, text: str) -> Address:
    """Read an infohash, a CID or a magnet link as an address.

    Raises:
        UsageError: It is none, or not a torrent's.
    """
    return _address(context, text, (Kind.TORRENT,))


def _address(context: Context, text: str, kinds: Collection[Kind]) -> Address:
    """Read an address of one of these kinds.

    Raises:
        UsageError: It is none.
    """
    try:
        found = read_address(context, text, (Reading.INFOHASH,))
    except UsageError as error:
        raise UsageError(
            f"there is no file {text}, and {error.message}", hint=error.hint or _HINT
        ) from error
    if found.kind not in kinds:
        raise UsageError(f"{text} is an address, but not a torrent's", hint=_HINT)
    return found


def bare(address: Address) -> Magnet:
    """The magnet link of which nothing is known but an infohash."""
    digest = address.digest
    return Magnet(digest, None) if len(digest) == _SHA1 else Magnet(None, digest)


def _name(address: Address) -> Name:
    with explained():
        return Name.of(address)


def _magnet(context: Context, text: str) -> Magnet | Name:
    """Read a link; one that names a torrent and a name stands for that torrent (BEP 46)."""
    try:
        link = read_magnet(text)
    except MetainfoError as error:
        with suppress(AddressError):
            return Name.parse(text)
        raise UsageError(str(error), hint=_HINT) from error
    for key, value in link.ignored[:_WARNINGS]:
        shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
        context.out.warn(
            f"the link's {key}={shown} is {_NONSENSE[key]}, and ignored", field=key, value=value
        )
    if (more := len(link.ignored) - _WARNINGS) > 0:
        context.out.warn(f"{count(more, 'more field')} of the link made no sense", fields=more)
    return link


# Which of its files.


def chosen(words: str) -> Callable[[Info], frozenset[int]]:
    """What picks the files that ``--files`` names: indexes, ranges and globs, with commas between.

    A glob is compared with the path inside the torrent, with the torrent's name and without.
    """
    items = [item for item in words.split(",") if item]

    def choose(info: Info) -> frozenset[int]:
        real = [(n, file) for n, file in enumerate(info.files) if not file.pad]
        return frozenset(
            n for n, file in real if any(_meant(item, n, file.path.parts) for item in items)
        )

    return choose


def _meant(item: str, index: int, parts: tuple[str, ...]) -> bool:
    first, dash, last = item.partition("-")
    if first.isdecimal() and (last.isdecimal() or not dash):
        return int(first) <= index <= int(last or first)
    return any(fnmatchcase("/".join(path), item) for path in (parts, parts[1:], parts[-1:]))


def check_choice(words: str | None, info: Info) -> None:
    """Refuse a choice of nothing.

    Raises:
        UsageError: No file is meant.
    """
    if words is not None and not chosen(words)(info):
        raise UsageError(
            f"--files {words} means no file of {info.name}", hint="`dhtctl info` lists them"
        )


# Who has it.


async def resolve(words: Iterable[str]) -> tuple[Endpoint, ...]:
    """The peers that ``--peer`` names, every address of each.

    Raises:
        UsageError: It is no address.
        UnreachableError: No such host is known.
    """
    found: list[Endpoint] = []
    for word in words:
        host, port = _endpoint(word)
        try:
            infos = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # The latter: a label that no name can have.
            why = getattr(error, "strerror", None) or str(error)
            raise UnreachableError(
                f"--peer {word}: the name {host} does not resolve: {why}",
                hint="check its spelling and the connection, or write an address",
            ) from error
        found += [(str(info[4][0]), port) for info in infos]
    return tuple(dict.fromkeys(found))


def _endpoint(word: str) -> Endpoint:
    """What ``--peer`` says, unresolved.

    Raises:
        UsageError: It is not even the form of an endpoint.
    """
    try:
        host, port = parse_address(word)
    except ValueError:
        host, port = "", 0
    if not port or not _PEER.fullmatch(word):
        raise UsageError(
            f"--peer: {word!r} is no host with a port", hint="write HOST:PORT or [IPV6]:PORT"
        )
    return host, port


def directory_of(name: str) -> Path:
    """An existing directory, or one that can be made.

    Raises:
        CommandError: Something else is there.
    """
    path = Path(name).absolute()
    if path.exists() and not path.is_dir():
        raise CommandError(f"{path} is no directory", hint="name one with -o DIR")
    return path
