"""A torrent at hand, and its files as resources.

What is read is hurried (:class:`~torrent.io.reader.Reader`): the piece that a visitor waits for is
asked for first, of the fastest peers. What lies verified on disk is sent from there.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.media import media_type
from torrent.cdn.gateway.core.planning import FOREVER, FRESH, Kind
from torrent.cdn.gateway.core.redirects import MAX_SIZE, NAME, read_redirects
from torrent.cdn.gateway.core.tree import Tree
from torrent.cdn.gateway.waiting import PATIENCE, patiently
from torrent.core.commands import Prioritise

if TYPE_CHECKING:
    from torrent.cdn.gateway.core.counting import Tally
    from torrent.cdn.gateway.core.redirects import Rule
    from torrent.core.metainfo import Info
    from torrent.io.files import Span
    from torrent.io.reader import Reader
    from torrent.io.torrent import Torrent

_RESOURCES: Final = 4096
"""Resources that are remembered for each torrent, so that they stay the same: 1 kB each."""

_NEAR: Final = 5
"""The priority of what lies beside what was asked for: above the others' 4, below what somebody
waits for."""


class Held:
    """A torrent that is described and open.

    Attributes:
        torrent: What fetches it.
        tree: Its files by path.
        readers: How many are reading it now.
        partly: Whether only what is asked for is fetched.
    """

    def __init__(
        self,
        torrent: Torrent,
        info: Info,
        tally: Tally,
        *,
        partly: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        """Begin.

        Raises:
            Refused: It has more files than a gateway holds.
        """
        self.torrent: Final = torrent
        self.tree: Final = Tree(info)
        self.tally: Final = tally
        self.readers = 0
        self.partly = partly
        self.patience: Final = patience
        self._wanted: set[int] = set()
        self._near: set[tuple[str, ...]] = set()
        self._rules: tuple[Rule, ...] | None = None
        self._resources: OrderedDict[tuple[int, str, int], TorrentFile] = OrderedDict()

    @property
    def info(self) -> Info:
        """What it is."""
        return self.tree.info

    @property
    def size(self) -> int:
        """Bytes of it that are here, about: those of whole pieces."""
        return min(self.info.size, len(self.torrent.have) * self.info.piece_length)

    def file(self, index: int, *, forever: bool, status: int = 200) -> TorrentFile:
        """One of its files; ``forever``: under a path that will never lead to another."""
        caching = FOREVER if forever else FRESH
        key = (index, caching, status)
        found = self._resources.get(key)
        if found is None:
            if len(self._resources) >= _RESOURCES:
                self._resources.popitem(last=False)
            found = self._resources[key] = TorrentFile(self, index, caching, status)
        return found

    async def rules(self) -> tuple[Rule, ...]:
        """What its ``_redirects`` say; read once.

        Raises:
            Refused: They cannot be had, or make no sense.
        """
        if self._rules is None:
            index = self.tree.file(NAME)
            data = b"" if index is None else await self._read_all(index)
            self._rules = read_redirects(data)
        return self._rules

    async def _read_all(self, index: int) -> bytes:
        """A small file."""
        size = self.info.files[index].length
        if size > MAX_SIZE:
            raise Refused(500, f"_redirects has {size} bytes; {MAX_SIZE} are read")
        reading, data = self.file(index, forever=True).open(), b""
        try:
            while len(data) < size:
                data += await reading.read(len(data), size - len(data))
        finally:
            reading.close()
        return data

    def want(self, index: int) -> None:
        """Fetch a file, where only what is asked for is fetched; else its neighbours soon, too.

        Until the first is asked for, all are wanted: a torrent of which nothing is wanted is
        complete, and looks for nobody.

        What a page needs lies mostly beside it, and browsers ask for six things at a time. In a
        crowd each of these waits in the queue of a busy origin, one after the other, while what
        nobody has asked for yet is served between them. So a whole directory is wanted more than
        the rest of the site; which of its pieces comes first is left to the picker, so that few
        visitors ask the origin for the same.
        """
        if not self.partly:
            self._draw_near(self.info.files[index].path.parts[:-1])
        elif index not in self._wanted:
            others = {} if self._wanted else dict.fromkeys(range(len(self.info.files)), 0)
            self._wanted.add(index)
            self.torrent.command(Prioritise(files={**others, index: 1}))

    def _draw_near(self, directory: tuple[str, ...]) -> None:
        """Want what lies in a directory more than the rest."""
        if directory in self._near:
            return
        self._near.add(directory)
        files = {
            index: _NEAR
            for index, file in enumerate(self.info.files)
            if file.path.parts[:-1] == directory and not file.pad
        }
        self.torrent.command(Prioritise(files=files))


class TorrentFile:
    """A file of a torrent: a :class:`~.resources.Resource`."""

    def __init__(self, held: Held, index: int, caching: str, status: int) -> None:
        file = held.info.files[index]
        # How far the version has come is not told with each file: an answer is a file's.
        self.kind: Final = Kind(
            file.length, _etag(held.info, index), media_type(file.path.parts[-1]), caching
        )
        self.status: Final = status
        self.held: Final = held
        self.index: Final = index

    def open(self) -> _Reading:
        """Begin to read it."""
        return _Reading(self.held, self.index)


def _etag(info: Info, index: int) -> str:
    """A strong entity tag: the root of the file's own hash tree (BEP 52).

    So a file that did not change keeps its tag in a new version, and need not be sent again. Files
    of a v1 torrent have none: of them it is the torrent's hash and the number of the file in it.
    """
    root = info.files[index].pieces_root
    return f'"{info.infohashes[0].hex()}-{index}"' if root is None else f'"{root.hex()}"'


class _Reading:
    """A file that is being sent."""

    def __init__(self, held: Held, index: int) -> None:
        self._held = held
        self._index = index
        self._reader: Reader | None = None
        self._read = self._missed = False
        held.readers += 1

    def span(self, begin: int, length: int) -> Span | None:
        """Where it lies verified."""
        storage = self._held.torrent.sharing.storage
        found = None if storage is None else storage.stretch(self._index, begin, length)
        if found is not None:
            self._count(length, here=True)
        return found

    async def read(self, begin: int, most: int) -> bytes:
        """Some of it, verified, once it is here."""
        torrent = self._held.torrent
        self._held.want(self._index)
        if self._reader is None:
            self._reader = torrent.open(self._index)
        reader = self._reader
        reader.seek(begin)
        at = self._held.info.files[self._index].offset + begin
        here = at // self._held.info.piece_length in torrent.have
        data = await patiently(torrent, lambda: reader.read_some(most), self._held.patience)
        self._count(len(data), here=here)
        return data

    def _count(self, size: int, *, here: bool) -> None:
        self._read = True
        if here:
            self._held.tally.cached += size
        else:
            self._missed = True
            self._held.tally.fetched += size

    def close(self) -> None:
        """Hurry nothing any more."""
        self._held.readers -= 1
        self._held.tally.misses += self._missed
        self._held.tally.hits += self._read and not self._missed
        if self._reader is not None:
            self._reader.close()
