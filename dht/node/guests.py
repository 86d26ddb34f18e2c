"""What another package keeps in the state database, beside what the node keeps there.

The torrents, the names and whatever else a floor above us remembers lives in tables of its own
(:class:`~dht.node.schema.Guest`) in the one file, so that one directory is all there is to back up,
and one commit can be waited for. This is the door they share: opened, closed, the same errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from dht.node.database import Database

if TYPE_CHECKING:
    import os

    from dht.node.schema import Guest


class GuestState:
    """A guest's part of one state directory. Several processes may use it at once.

    Attributes:
        TABLES: The guest's tables.
    """

    TABLES: ClassVar[Guest]

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.read() as connection:
            # One who only reads may be here before anybody made the tables, or the newest of them.
            self._empty = self.TABLES.version(connection) < len(self.TABLES.steps)

    @classmethod
    def open(
        cls, directory: str | os.PathLike[str], *, readonly: bool = False, patience: float = 10.0
    ) -> Self:
        """Open the state in ``directory``, making it if need be.

        Raises:
            StateError: It cannot be; the message says why and what to do.
        """
        guests = (cls.TABLES,)
        return cls(
            Database.open(Path(directory), readonly=readonly, patience=patience, guests=guests)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; nothing committed is lost without."""
        self._database.close()
