"""What a peer says of itself by extension messages (BEP 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.samples import make
from tests.swarm_strangers import OURS, extended, stranger
from tests.swarm_world import Member, Stranger, World
from torrent.core.effects import Dial
from torrent.core.wire import Extended, ExtensionHandshake, HaveNone, encode

if TYPE_CHECKING:
    from torrent.core.peer import Peer

SAMPLE = make((100_000,))


def met(*said: ExtensionHandshake) -> tuple[World, Member, Stranger, Peer]:
    """Somebody dialled us and introduced itself."""
    world = World()
    member = world.member(SAMPLE)
    other = stranger(world, SAMPLE, HaveNone())
    other.greeting += b"".join(map(extended, said))
    other.dial(member)
    world.run(0.1)
    (peer,) = member.swarm.commons.peers.values()
    return world, member, other, peer


def test_an_extension_nobody_offered_is_skipped() -> None:
    """A number that we never gave out means nothing; to part for it would help nobody."""
    world, _, other, peer = met()
    other.say(encode(Extended(99, b"what is this")))
    world.run(1.0)
    assert not other.hung_up
    assert not peer.closed


def test_what_is_said_later_is_added() -> None:
    """BEP 10: "It is valid to send the handshake message more than once"; names that we do not
    know are ignored.
    """
    world, _, other, peer = met(ExtensionHandshake({"ut_pex": 9}, reqq=7, client="one 1.0"))
    assert peer.extensions == {"ut_pex": 9}
    other.say(extended(ExtensionHandshake({"ut_metadata": 4, "ut_unheard_of": 5})))
    world.run(1.0)
    assert peer.extensions == {"ut_pex": 9, "ut_metadata": 4}
    assert (peer.reqq, peer.client) == (7, "one 1.0")


def test_an_extension_is_switched_off_by_zero() -> None:
    """BEP 10: "Setting an extension number to zero means that the extension is not supported"."""
    world, _, other, peer = met(ExtensionHandshake(OURS))
    other.say(extended(ExtensionHandshake({"ut_pex": 0})))
    world.run(1.0)
    assert not peer.extensions["ut_pex"]
    assert peer.extensions["ut_metadata"]


def test_where_it_listens_is_believed_once_and_of_its_own_host_only() -> None:
    world, member, other, peer = met(ExtensionHandshake(OURS, port=7000))
    assert peer.listens == (other.endpoint[0], 7000)
    other.say(extended(ExtensionHandshake(OURS, port=80)))
    world.run(1.0)
    assert peer.listens == (other.endpoint[0], 7000)
    assert not member.of(Dial), "who is connected is not dialled"
