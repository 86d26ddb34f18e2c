"""One Kademlia for every network: pure core, dialects, and a node on trio.

>>> from dht import Node

The names below are imported when they are first used, so that the pure packages (``dht.core``,
``dht.mainline``) can be used without importing trio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dht.errors import (
        DhtError,
        ListenFailed,
        NoAnswer,
        NodeClosed,
        NoNetwork,
        NotFound,
        PartialStore,
        Refused,
        Unpublishable,
    )
    from dht.node.config import NodeConfig
    from dht.node.limits import UNLIMITED, Limits
    from dht.node.node import Node

_HOMES = {
    "Node": "dht.node.node",
    "NodeConfig": "dht.node.config",
    "Limits": "dht.node.limits",
    "UNLIMITED": "dht.node.limits",
}

__all__ = [
    "UNLIMITED",
    "DhtError",
    "Limits",
    "ListenFailed",
    "NoAnswer",
    "NoNetwork",
    "Node",
    "NodeClosed",
    "NodeConfig",
    "NotFound",
    "PartialStore",
    "Refused",
    "Unpublishable",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "dht.errors")), name)


def __dir__() -> list[str]:
    return __all__
