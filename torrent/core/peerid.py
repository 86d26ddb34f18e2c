"""Peer ids (BEP 20): twenty bytes a client makes up, and what they betray of it.

BEP 3 wants them random; convention has made the first eight say who wrote the client. There are
two conventions with rules, "Azureus-style" (``-qB5012-`` and twelve random bytes) and "Shadow's"
(``M7-4-3--``), and a few loners. None of it is proof of anything: a name is for people to read.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

PEER_ID_SIZE: Final = 20

_OURS: Final = b"-DH0100-"
"""dhtctl 0.1.0.0; nobody in BEP 20's or libtorrent's lists is called DH."""

_RANDOM: Final = (string.ascii_letters + string.digits).encode()
"""Characters that survive in a tracker's URL as they are: 12 of them are 71 bits."""

_AZUREUS: Final = re.compile(rb"-([!-~][0-~])([0-9A-Za-z]{4})-", re.DOTALL)
_MAINLINE: Final = re.compile(rb"([AMOQRST])(\d{1,2})-(\d{1,2})-(\d{1,2})-")
_SHADOW: Final = re.compile(rb"([AMOQRST])([0-9A-Z]{3})--")
_DIGITS: Final = string.digits + string.ascii_uppercase

_CLIENTS: Final = {
    "7T": "aTorrent",
    "AG": "Ares",
    "AZ": "Vuze",
    "BC": "BitComet",
    "BI": "BiglyBT",
    "BT": "BitTorrent",
    "BW": "BitWombat",
    "CT": "CTorrent",
    "DE": "Deluge",
    "DH": "dhtctl",
    "FC": "FileCroc",
    "FW": "FrostWire",
    "GT": "anacrolix/torrent",
    "HL": "Halite",
    "KG": "KGet",
    "KT": "KTorrent",
    "LR": "LibreTorrent",
    "LT": "libtorrent",
    "LW": "LimeWire",
    "MG": "MediaGet",
    "ML": "MLDonkey",
    "MO": "MonoTorrent",
    "PI": "PicoTorrent",
    "QD": "QQDownload",
    "rQ": "rqbit",
    "SD": "Xunlei",
    "SZ": "Shareaza",
    "TL": "Tribler",
    "TR": "Transmission",
    "TT": "TuoTu",
    "UM": "µTorrent Mac",
    "UT": "µTorrent",
    "UW": "µTorrent Web",
    "WD": "WebTorrent Desktop",
    "WW": "WebTorrent",
    "XF": "Xfplay",
    "XL": "Xunlei",
    "lt": "rTorrent",
    "qB": "qBittorrent",
}
"""Two letters between dashes: those one still meets, by BEP 20 and the clients' own sources."""

_SHADOWS: Final = {
    "A": "ABC",
    "M": "Mainline",
    "O": "Osprey Permaseed",
    "Q": "BTQueue",
    "R": "Tribler",
    "S": "Shadow",
    "T": "BitTornado",
}

_LONERS: Final = {
    b"A2-": "aria2",
    b"TIX": "Tixati",
    b"exbc": "BitComet",
    b"XBT": "XBT",
    b"OP": "Opera",
    b"btpd/": "btpd",
    b"DNA": "BitTorrent DNA",
    b"QVOD": "Qvod",
}
"""Those who follow no convention; asked first, as some would pass for Shadow's."""


def make_peer_id(rng: Random) -> bytes:
    """A new peer id of this client."""
    return _OURS + bytes(rng.choices(_RANDOM, k=PEER_ID_SIZE - len(_OURS)))


def client_name(peer_id: bytes) -> str:
    """What client ``peer_id`` says it is, with its version, for people: always printable.

    ``"unknown"`` if it follows no convention we know.
    """
    for mark, name in _LONERS.items():
        if peer_id.startswith(mark):
            return name
    if azureus := _AZUREUS.match(peer_id):
        code, version = (part.decode() for part in azureus.groups())
        return f"{_CLIENTS.get(code, code)} {_dotted(version)}"
    if mainline := _MAINLINE.match(peer_id):
        letter, *numbers = (part.decode() for part in mainline.groups())
        return f"{_SHADOWS[letter]} {'.'.join(numbers)}"
    if shadow := _SHADOW.match(peer_id):
        letter, version = (part.decode() for part in shadow.groups())
        return f"{_SHADOWS[letter]} {_dotted(version)}"
    return "unknown"


def _dotted(version: str) -> str:
    """``5012`` is 5.0.1.2; letters count on from 9; a last zero is not said."""
    parts = [str(_DIGITS.find(digit.upper())) for digit in version]
    if len(parts) > 3 and parts[3] == "0":  # noqa: PLR2004 - the tag
        parts.pop()
    return ".".join(parts)
