"""What a visitor asks for, once it has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

GET: Final = "GET"
HEAD: Final = "HEAD"
METHODS: Final = (GET, HEAD)
"""A gateway shows what others published: there is nothing to write to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        method: ``GET`` or ``HEAD``.
        target: The request target as it came: a path, perhaps with a query; ASCII.
        headers: Fields by lower-case name; of repeated ones, the values joined by commas
            (RFC 9110, section 5.3).
    """

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The target without its query; still percent-encoded."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """A field by its lower-case name."""
        return self.headers.get(name)

    @property
    def wants_json(self) -> bool:
        """Whether JSON is preferred to HTML: it is named by ``Accept``, and HTML is not."""
        accept = self.headers.get("accept", "")
        return "application/json" in accept and "text/html" not in accept
