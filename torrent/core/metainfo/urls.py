"""Which URLs of a torrent are worth keeping, and how they are spelled.

A torrent is written by strangers, so its URLs are checked for form here: a scheme that we speak, a
host, no spaces and no control characters that would end up in a request's header. Which hosts may
be contacted is another question, for whoever connects (:mod:`torrent.core.outgoing`).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_HOST: Final = r"(?:[^/?#@]*@)?(?:\[[0-9A-Za-z:.%_~-]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?"
_REST: Final = r"(?:[/?#][^\x00-\x20\x7f]*)?"
_TRACKER: Final = re.compile(rf"(?:https?|udp)://{_HOST}{_REST}", re.IGNORECASE)
_WEB_SEED: Final = re.compile(rf"https?://{_HOST}{_REST}", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"[A-Za-z]+://[^/?#]*")

_KEPT: Final = "%+;?:@=&,$/-_!.~*()"
"""Characters besides letters and digits that are right in a path, or are escapes already."""


def is_tracker(url: str) -> bool:
    """Whether ``url`` is the address of an HTTP (BEP 3) or UDP (BEP 15) tracker."""
    return _TRACKER.fullmatch(url) is not None


def is_web_seed(url: str) -> bool:
    """Whether ``url`` is the address of a web seed (BEP 19)."""
    return _WEB_SEED.fullmatch(url) is not None


def encoded_path(url: str) -> str:
    """Escape what people forget to escape: spaces and other characters of files' names."""
    origin = _ORIGIN.match(url)
    if origin is None:
        return url
    return origin[0] + quote(url[origin.end() :], safe=_KEPT)
