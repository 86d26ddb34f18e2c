"""Torrents and magnet links: read, checked, described, created. Pure.

=====================  ===========================================================================
:func:`read_metainfo`  a torrent file becomes a :class:`Metainfo` (trackers and the like) with its
                       :class:`Info` (what is hashed)
:func:`read_info`      the same for the metadata of a magnet link
:func:`read_magnet`    a link becomes a :class:`Magnet`
:func:`draft`          files become a :class:`Draft`, and with their hashes a torrent file
:class:`SafePath`      the only form in which a stranger's file name leaves this package
=====================  ===========================================================================
"""

from torrent.core.metainfo.info import Info
from torrent.core.metainfo.layout import File, Layout, Version
from torrent.core.metainfo.magnet import Magnet, read_magnet
from torrent.core.metainfo.merkle import BLOCK
from torrent.core.metainfo.paths import SafePath, unique
from torrent.core.metainfo.reading import Metainfo, read_info, read_metainfo
from torrent.core.metainfo.writing import About, Draft, Source, draft, piece_length_for, wrapped

__all__ = [
    "BLOCK",
    "About",
    "Draft",
    "File",
    "Info",
    "Layout",
    "Magnet",
    "Metainfo",
    "SafePath",
    "Source",
    "Version",
    "draft",
    "piece_length_for",
    "read_info",
    "read_magnet",
    "read_metainfo",
    "unique",
    "wrapped",
]
