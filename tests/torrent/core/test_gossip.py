"""Peers named to peers (BEP 11), introductions (BEP 55), and DHT ports (BEP 5)."""

from __future__ import annotations

from tests.samples import make
from tests.swarm_strangers import OURS, extended, hello
from tests.swarm_world import Member, Stranger, World
from torrent.core.effects import DhtNode, Dial
from torrent.core.gossip import MAX_INTRODUCERS
from torrent.core.policy import SwarmPolicy
from torrent.core.wire import (
    Extended,
    ExtensionHandshake,
    HaveNone,
    Holepunch,
    HolepunchError,
    HolepunchKind,
    Pex,
    PexFlag,
    Port,
    encode,
    read_extended,
)

SAMPLE = make((300_000,))


def acquaintance(
    world: World, member: Member, *, port: int | None = None, **how: object
) -> Stranger:
    """A stranger that dials ``member`` and speaks every extension."""
    other = world.stranger(**how)
    said = ExtensionHandshake(OURS, port=port)
    other.greeting = (
        hello(SAMPLE, name=bytes([len(world.at)])) + extended(said) + encode(HaveNone())
    )
    other.dial(member)
    world.run(world.now + 0.1)
    return other


def heard(stranger: Stranger, kind: type) -> list[object]:
    """The extension messages of one kind that it was sent."""
    said = [read_extended(message) for message in stranger.heard_of(Extended)]
    return [message for message in said if isinstance(message, kind)]


def test_peers_are_named_once_and_dropped_once() -> None:
    world = World()
    hub = world.member(SAMPLE, pieces=[0])
    one = acquaintance(world, hub)
    two = acquaintance(world, hub, port=7000)
    unknown = acquaintance(world, hub)  # nobody knows where it listens
    world.run(20)
    (said,) = heard(one, Pex)
    assert said == Pex((((two.endpoint[0], 7000), int(PexFlag.HOLEPUNCH)),), ())
    assert heard(two, Pex) == []
    for each in (one, two, unknown):
        for at in range(30, 300, 60):
            world.schedule(at, lambda each=each, at=at: at < 200 and each.say(bytes(4)))
    world.run(200)
    assert heard(one, Pex) == [said]
    two.hang_up()
    world.run(280)
    assert heard(one, Pex)[1:] == [Pex((), ((two.endpoint[0], 7000),))]
    assert unknown.heard


def test_seeds_and_those_we_dialled_are_marked() -> None:
    world = World()
    hub = world.member(SAMPLE, pieces=[0])
    seed = world.member(SAMPLE, pieces=None, uplink=100.0)
    hub.know(seed)
    one = acquaintance(world, hub)
    world.run(20)
    ((endpoint, flags),) = heard(one, Pex)[0].added
    assert endpoint == seed.endpoint
    assert flags == PexFlag.SEED | PexFlag.HOLEPUNCH | PexFlag.OUTGOING


def test_who_is_named_is_dialled_if_it_can_be_true() -> None:
    world = World()
    hub = world.member(SAMPLE, pieces=[0], policy=SwarmPolicy(pex_entries=3))
    public = acquaintance(world, hub, host="8.8.8.8")
    names = ("9.9.9.1", "127.0.0.1", "192.168.1.1", "9.9.9.2", "9.9.9.3", "9.9.9.4")
    public.say(extended(Pex(tuple(((name, 1), 0) for name in names), ())))
    world.run(1)
    dialled = {dial.endpoint[0] for dial in hub.of(Dial)}
    assert dialled == {"9.9.9.1", "9.9.9.2", "9.9.9.3"}
    neighbour = acquaintance(world, hub)
    neighbour.say(extended(Pex(((("192.168.1.1", 1), 0), (("127.0.0.1", 1), 0)), ())))
    world.run(2)
    assert {dial.endpoint[0] for dial in hub.of(Dial)} - dialled == {"192.168.1.1"}


def test_named_seeds_are_not_dialled_by_a_seed() -> None:
    world = World()
    hub = world.member(SAMPLE, pieces=None)
    one = acquaintance(world, hub)
    one.say(extended(Pex(((("10.3.3.3", 1), int(PexFlag.SEED)), (("10.3.3.4", 1), 0)), ())))
    world.run(5)
    assert {dial.endpoint[0] for dial in hub.of(Dial)} == {"10.3.3.4"}


def test_a_private_torrent_hears_nobody() -> None:
    world = World()
    sample = make((300_000,), private=True)
    hub = world.member(sample)
    one = world.stranger()
    one.greeting = (
        hello(sample)
        + extended(Pex(((("10.3.3.3", 1), 0),), ()))
        + extended(Holepunch(HolepunchKind.CONNECT, ("10.3.3.4", 1)))
        + encode(Port(6881))
    )
    one.dial(hub)
    world.run(5)
    assert not one.hung_up
    assert not hub.of(Dial)
    assert not hub.of(DhtNode)


def test_dht_ports() -> None:
    world = World()
    hub = world.member(SAMPLE)
    one = acquaintance(world, hub)
    one.say(encode(Port(7001)) + encode(Port(0)))
    world.run(1)
    assert hub.of(DhtNode) == [DhtNode((one.endpoint[0], 7001))]


# Introductions.


def rendezvous(stranger: Stranger, target: tuple[str, int]) -> None:
    stranger.say(extended(Holepunch(HolepunchKind.RENDEZVOUS, target)))


def test_a_relay_introduces_both_to_each_other() -> None:
    world = World()
    hub = world.member(SAMPLE)
    one, two = acquaintance(world, hub, port=7001), acquaintance(world, hub, port=7002)
    rendezvous(one, (two.endpoint[0], 7002))
    world.run(1)
    assert heard(one, Holepunch) == [Holepunch(HolepunchKind.CONNECT, (two.endpoint[0], 7002))]
    assert heard(two, Holepunch) == [Holepunch(HolepunchKind.CONNECT, (one.endpoint[0], 7001))]


def test_a_relay_says_why_it_does_not() -> None:
    world = World()
    hub = world.member(SAMPLE)
    one, plain = acquaintance(world, hub, port=7001), acquaintance(world, hub, port=7002)
    plain.say(extended(ExtensionHandshake({"ut_holepunch": 0})))
    hub.swarm.found([("10.5.5.5", 5)], "user", world.now)
    world.run(world.now + 0.1)
    for target in (
        (one.endpoint[0], 7001),
        ("10.6.6.6", 6),
        ("10.5.5.5", 5),
        (plain.endpoint[0], 7002),
    ):
        rendezvous(one, target)
    world.run(1)
    assert [answer.error for answer in heard(one, Holepunch)] == [
        HolepunchError.NO_SELF,
        HolepunchError.NO_SUCH_PEER,
        HolepunchError.NOT_CONNECTED,
        HolepunchError.NO_SUPPORT,
    ]


def test_who_listens_nowhere_cannot_be_introduced_and_nobody_without_end() -> None:
    world = World()
    hub = world.member(SAMPLE)
    hidden = acquaintance(world, hub)
    rendezvous(hidden, ("10.6.6.6", 6))
    one = acquaintance(world, hub, port=7001)
    for _ in range(40):
        rendezvous(one, ("10.6.6.6", 6))
    world.run(1)
    assert heard(hidden, Holepunch) == []
    assert len(heard(one, Holepunch)) == 10


def test_we_dial_whom_we_are_introduced_to() -> None:
    world = World()
    hub = world.member(SAMPLE)
    relay = acquaintance(world, hub)
    relay.say(extended(Holepunch(HolepunchKind.CONNECT, ("10.4.4.4", 4))))
    world.run(0.14)
    assert Dial(("10.4.4.4", 4)) in hub.of(Dial)
    before = len(hub.of(Dial))
    world.run(5)
    relay.say(extended(Holepunch(HolepunchKind.CONNECT, ("10.4.4.4", 4))))
    relay.say(extended(Holepunch(HolepunchKind.ERROR, ("10.4.4.4", 4), 1)))
    world.run(5.5)
    assert len(hub.of(Dial)) == before + 1


def test_a_failed_dial_asks_who_named_the_peer() -> None:
    world = World()
    hub = world.member(SAMPLE)
    relay = acquaintance(world, hub)
    target = ("10.4.4.4", 4)
    relay.say(extended(Pex(((target, int(PexFlag.HOLEPUNCH)),), ())))
    world.run(2)
    assert heard(relay, Holepunch) == [Holepunch(HolepunchKind.RENDEZVOUS, target)]


def test_introducers_are_few_and_may_have_left() -> None:
    world = World()
    hub = world.member(SAMPLE)
    relay = acquaintance(world, hub)
    gossip = hub.swarm.gossip
    gossip._introducers = {("10.0.1.1", port): 1 for port in range(1, MAX_INTRODUCERS + 1)}
    relay.say(extended(Pex(((("10.4.4.4", 4), int(PexFlag.HOLEPUNCH)),), ())))
    world.run(0.2)
    assert len(gossip._introducers) == MAX_INTRODUCERS
    gossip._introducers[("10.0.1.1", 1)] = 12_345
    hub.swarm.unreachable(("10.0.1.1", 1), world.now)
    assert heard(relay, Holepunch) == []
