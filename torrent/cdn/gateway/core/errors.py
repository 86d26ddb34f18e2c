"""Why a visitor does not get what was asked for."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refused(TorrentError):  # noqa: N818 - it is an answer, and no failure of ours
    """A request that is answered with an error.

    Attributes:
        status: Of HTTP (RFC 9110, section 15).
        why: A sentence for people; whose fault it is, and what to do about it.
        headers: Fields that belong to the answer.
    """

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {HTTPStatus(status).phrase}: {why}")
        self.status = HTTPStatus(status)
        self.why = why
        self.headers = headers or {}
