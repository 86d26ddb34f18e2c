"""Creating torrents: the same files always give the same bytes.

Files are sorted (by the bytes of their names, element by element, which is the order of BEP 52's
tree), nothing depends on the clock unless it is asked for, and bencode does the rest. So two
people who make a torrent of the same directory make the same swarm.

It takes two steps, because hashing is work for threads and this is not: :func:`draft` lays the
files out in pieces, somebody hashes these, and :meth:`Draft.torrent` writes it all down::

    plan = draft([Source(SafePath.of(["film.mkv"]), 12_345_678)])
    for piece in range(plan.piece_count):
        plan.spans(piece * plan.piece_length, plan.piece_size(piece))  # read these; pads are zeros
        ...  # v1: sha1 of all of it; v2: merkle.root(leaves of its payload, leaf_width)
    data = plan.torrent(sha1s, roots)

``Draft.files`` has the order, and so the indices, that ``Info.files`` has when it is read again.
(Names may change then: two that differ only in case are told apart by a number.)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final

from dht.codec.bencode import encode
from torrent.core.metainfo.entries import MAX_FILE
from torrent.core.metainfo.info import SHA1
from torrent.core.metainfo.layout import File, Layout, Version
from torrent.core.metainfo.merkle import BLOCK, HASH, piece_layer_root
from torrent.core.metainfo.paths import SafePath
from torrent.core.metainfo.reading import MAX_PIECE_LENGTH, MAX_PIECES
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_STEPS: Final = 11
"""Sizes of automatic pieces: 16 KiB to 16 MiB."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be put into a torrent.

    Attributes:
        path: Its path in the torrent. One file alone may have a single element; all others begin
            with the same one, the name of the torrent.
        length: Bytes; 0 for a link.
        executable: It may be run.
        hidden: It is hidden.
        symlink: It is a link to this path, which begins with the torrent's name as well.
    """

    path: SafePath
    length: int
    executable: bool = False
    hidden: bool = False
    symlink: SafePath | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What a torrent says beside what is in it.

    Attributes:
        trackers: URLs in tiers (BEP 12).
        web_seeds: URLs (BEP 19).
        nodes: Hosts and ports of DHT nodes (BEP 5).
        comment: For people.
        created_by: The program.
        creation_date: Seconds since 1970. Not set by default: it would make each torrent file
            another.
        private: Peers come from its trackers only (BEP 27). Changes the infohash.
        source: A word of a private tracker; changes the infohash, which is what it is for.
    """

    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    nodes: tuple[tuple[str, int], ...] = ()
    comment: str = ""
    created_by: str = ""
    creation_date: int | None = None
    private: bool = False
    source: str = ""


_NOTHING: Final = About()


def piece_length_for(size: int) -> int:
    """The length of pieces for so many bytes: 16 KiB for little, 16 MiB for 640 GiB and more.

    As libtorrent chooses it: such that the list of hashes grows with the square root of the size.
    """
    # Pieces of 10 * sqrt(size) have 2 * sqrt(size) bytes of hashes; the power of two above that.
    steps = sum(1 for step in range(_STEPS - 1) if size > ((BLOCK << step) ** 2 + 50) // 100)
    return BLOCK << steps


def draft(
    sources: Iterable[Source], version: Version = Version.HYBRID, piece_length: int | None = None
) -> Draft:
    """Lay files out in pieces.

    Args:
        sources: The files, in any order.
        version: Who shall understand the torrent; a hybrid is understood by all.
        piece_length: Bytes; a power of two of at least 16 KiB. ``None`` chooses one.

    Raises:
        MetainfoError: There is nothing in them, two have the same path, a file is in the way of a
            directory, they are in different directories, or there would be too many pieces.
        ValueError: ``piece_length`` is none.
    """
    ordered = sorted(sources, key=lambda source: [part.encode() for part in source.path.parts])
    name = _common_name(ordered)
    if version is Version.V2 and [len(source.path.parts) for source in ordered] == [2]:
        # A tree of one file cannot say that it is in a directory.
        ordered = [replace(ordered[0], path=SafePath.of(ordered[0].path.parts[1:]))]
    size = sum(source.length for source in ordered)
    chosen = piece_length_for(size) if piece_length is None else piece_length
    if not BLOCK <= chosen <= MAX_PIECE_LENGTH or chosen & (chosen - 1):
        raise ValueError(f"a piece length is a power of two from {BLOCK}, not {chosen}")
    files = tuple(_placed(ordered, name, chosen, version))
    plan = Draft(name, files, chosen, version, _is_directory(ordered))
    if not 0 < plan.piece_count <= MAX_PIECES:
        fault = f"{plan.piece_count} pieces, not 1 to {MAX_PIECES}"
        raise MetainfoError("info.piece length", fault)
    return plan


def _is_directory(ordered: Sequence[Source]) -> bool:
    """Whether the torrent is a directory rather than a file."""
    return len(ordered[0].path.parts) > 1


def _common_name(ordered: Sequence[Source]) -> str:
    """Check the paths and return what they begin with."""
    if not ordered:
        raise MetainfoError("info.files", "there are no files")
    name = ordered[0].path.parts[0]
    for one, other in pairwise(ordered):
        # In this order what follows a path at once begins with it, if anything does.
        if other.path.parts[: len(one.path.parts)] == one.path.parts:
            raise MetainfoError(str(one.path), f"is in the way of {other.path}")
    for source in ordered:
        if not 0 <= source.length <= MAX_FILE:
            raise MetainfoError(str(source.path), f"{source.length} bytes; {MAX_FILE} are allowed")
        if source.path.parts[0] != name or (source.symlink or source.path).parts[0] != name:
            raise MetainfoError(str(source.path), f"not in the directory of the torrent, {name}")
    return name


def _placed(
    ordered: Sequence[Source], name: str, piece_length: int, version: Version
) -> Iterator[File]:
    """Put one after the other; let v2 files begin at a piece, with pads between if v1 is there.

    A hybrid's last file is padded too if there are several, as BEP 52's reference has it.
    """
    offset = 0
    padded = version is Version.HYBRID and len(ordered) > 1
    for each in ordered:
        length = 0 if each.symlink else each.length
        yield File(
            each.path,
            length,
            offset,
            executable=each.executable,
            hidden=each.hidden,
            symlink=each.symlink,
        )
        offset += length
        gap = -offset % piece_length
        if padded and gap:
            yield File(SafePath.of([name, ".pad", str(gap)]), gap, offset, pad=True)
        if Version.V2 in version:
            offset += gap


@dataclass(frozen=True, slots=True)
class Draft(Layout):
    """A torrent whose hashes are still to be computed. Made by :func:`draft`.

    Attributes:
        directory: Whether the files are in a directory of the torrent's name.
    """

    directory: bool = field()

    def torrent(
        self, sha1s: Sequence[bytes] = (), roots: Sequence[bytes] = (), about: About = _NOTHING
    ) -> bytes:
        """Write the torrent file.

        Args:
            sha1s: In v1 and hybrids, the SHA-1 of every piece, pads included as zeros.
            roots: In v2 and hybrids, for every piece the root of the tree over its payload, of
                :meth:`leaf_width` leaves.
            about: What else to say.

        Raises:
            ValueError: There is not one hash for each piece.
        """
        self._check_hashes(sha1s, SHA1, needed=self.is_v1)
        self._check_hashes(roots, HASH, needed=self.is_v2)
        layers = {index: b"".join(of) for index, of in self._by_file(roots).items()}
        rooted = [
            replace(file, pieces_root=self._file_root(file, layers.get(index)))
            for index, file in enumerate(self.files)
        ]
        outer = _outer(about)
        outer[b"info"] = self._info(rooted, b"".join(sha1s), about)
        if self.is_v2:
            outer[b"piece layers"] = {
                rooted[index].pieces_root: layer
                for index, layer in layers.items()
                if len(layer) > HASH
            }
        return encode(outer)

    def _check_hashes(self, hashes: Sequence[bytes], size: int, *, needed: bool) -> None:
        """Catch the mistake of a caller before it becomes a torrent."""
        expected = self.piece_count if needed else 0
        if len(hashes) != expected or any(len(each) != size for each in hashes):
            raise ValueError(f"{expected} hashes of {size} bytes are needed, not {len(hashes)}")

    def _by_file(self, roots: Sequence[bytes]) -> dict[int, list[bytes]]:
        """The hashes of each file's pieces."""
        found: dict[int, list[bytes]] = {}
        for piece, root in enumerate(roots):
            found.setdefault(self.file_at(piece), []).append(root)
        return found

    def _file_root(self, file: File, layer: bytes | None) -> bytes | None:
        """The root of a file; of one piece, it is that piece's."""
        if layer is None or len(layer) == HASH:
            return layer
        return piece_layer_root(layer, self.piece_length)

    def _info(self, files: Sequence[File], pieces: bytes, about: About) -> dict[bytes, Any]:
        """The info dictionary."""
        info: dict[bytes, Any] = {b"name": self.name, b"piece length": self.piece_length}
        if self.is_v1:
            info[b"pieces"] = pieces
            if self.directory:
                info[b"files"] = [_v1_file(file) for file in files]
            else:
                info |= _described(files[0]) | {b"length": files[0].length}
        if self.is_v2:
            info |= {b"meta version": 2, b"file tree": self._tree(files)}
        if about.private:
            info[b"private"] = 1
        if about.source:
            info[b"source"] = about.source
        return info

    def _tree(self, files: Sequence[File]) -> dict[bytes, Any]:
        """BEP 52's tree; a file is a directory with one nameless entry."""
        top: dict[bytes, Any] = {}
        for file in files:
            if file.pad:
                continue
            node = top
            for part in file.path.parts[self.directory :]:
                node = node.setdefault(part.encode(), {})
            node[b""] = _v2_file(file)
        return top


def _described(file: File) -> dict[bytes, Any]:
    """What both versions say of a file in the same way (BEP 47)."""
    flags = {"p": file.pad, "h": file.hidden, "x": file.executable, "l": file.symlink is not None}
    letters = "".join(letter for letter, is_set in flags.items() if is_set)
    found: dict[bytes, Any] = {b"attr": letters} if letters else {}
    if file.symlink is not None:
        found[b"symlink path"] = list(file.symlink.parts[1:])
    return found


def _v1_file(file: File) -> dict[bytes, Any]:
    """An entry of ``files`` (BEP 3)."""
    return _described(file) | {b"length": file.length, b"path": list(file.path.parts[1:])}


def _v2_file(file: File) -> dict[bytes, Any]:
    """A leaf of ``file tree`` (BEP 52)."""
    found = _described(file)
    if file.symlink is None:
        found[b"length"] = file.length
    if file.pieces_root is not None:
        found[b"pieces root"] = file.pieces_root
    return found


def _outer(about: About) -> dict[bytes, Any]:
    """All but the info dictionary and the piece layers; what is empty is left out."""
    urls = list(chain.from_iterable(about.trackers))
    seeds = list(about.web_seeds)
    optional: dict[bytes, Any] = {
        b"announce": urls[0] if urls else None,
        b"announce-list": [list(tier) for tier in about.trackers] if len(urls) > 1 else None,
        b"comment": about.comment,
        b"created by": about.created_by,
        b"nodes": [list(node) for node in about.nodes],
        b"url-list": seeds if len(seeds) > 1 else "".join(seeds),
    }
    found = {key: value for key, value in optional.items() if value}
    if about.creation_date is not None:
        found[b"creation date"] = about.creation_date
    return found
