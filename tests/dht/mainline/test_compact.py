"""dht.mainline.compact: compact addresses and contacts, and the scope of addresses."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.messages import Contact
from dht.mainline.compact import (
    MAX_CONTACTS,
    V4_NODE,
    V6_NODE,
    Scope,
    host_of,
    is_v6,
    pack_address,
    pack_host,
    pack_node,
    pack_nodes,
    scope,
    unpack_address,
    unpack_host,
    unpack_nodes,
)

keys = st.integers(0, 2**160 - 1)
ports = st.integers(0, 0xFFFF)
v4_hosts = st.ip_addresses(v=4).map(str)
v6_hosts = st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None).map(str)
v4_contacts = st.builds(Contact, keys, st.tuples(v4_hosts, ports))
v6_contacts = st.builds(Contact, keys, st.tuples(v6_hosts, ports))


@given(v4_hosts | v6_hosts, ports)
def test_addresses_survive_the_round_trip(host: str, port: int) -> None:
    compact = pack_address((host, port))
    assert len(compact) == (18 if is_v6(host) else 6)
    assert unpack_address(compact) == (host, port)


@given(v4_hosts)
def test_v4_bytes_are_those_of_the_operating_system(host: str) -> None:
    assert pack_host(host) == socket.inet_pton(socket.AF_INET, host)
    assert unpack_host(pack_host(host)) == host


@given(st.binary(min_size=16, max_size=16).filter(lambda raw: raw[:10] != bytes(10)))
def test_v6_text_is_that_of_the_operating_system(raw: bytes) -> None:
    # It has to be: the endpoint of a contact is compared with the source of its packets.
    # (Only mapped and compatible addresses are spelled otherwise, and no contact has one.)
    host = unpack_host(raw)
    assert host == socket.inet_ntop(socket.AF_INET6, raw)
    assert pack_host(host) == raw


def test_the_example_of_bep_5() -> None:
    # BEP 5, "Response with peers": values "axje.u" and "idhtnm".
    assert unpack_address(b"axje.u") == ("97.120.106.101", 0x2E75)
    assert unpack_address(b"idhtnm") == ("105.100.104.116", 0x6E6D)
    assert pack_address(("97.120.106.101", 0x2E75)) == b"axje.u"


def test_a_zone_does_not_travel() -> None:
    assert pack_host("fe80::1%eth0") == pack_host("fe80::1")


@pytest.mark.parametrize("host", ["", "localhost", "1.2.3", "1.2.3.4.5", "::1::", "256.1.1.1"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="address"):
        pack_host(host)
    assert scope(host) is Scope.NOWHERE


@pytest.mark.parametrize("port", [-1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match="a port is a number"):
        pack_address(("1.2.3.4", port))


SCOPES = {
    Scope.NOWHERE: [
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
        "::ffff:1.2.3.4",
    ],
    Scope.HOST: ["127.0.0.1", "127.255.255.254", "::1"],
    Scope.SITE: [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.7.7",
        "169.254.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fdff::1",
    ],
    Scope.WORLD: [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "192.0.2.1",
        "100.63.0.1",
        "100.128.0.1",
        "223.255.255.255",
        "2001:db8::1",
        "2a00::1",
        "fe00::1",
    ],
}


@pytest.mark.parametrize(("host", "reach"), [(h, s) for s, hosts in SCOPES.items() for h in hosts])
def test_scopes(host: str, reach: Scope) -> None:
    assert scope(host) is reach


@given(v4_hosts | v6_hosts)
def test_scope_agrees_with_the_standard_library_where_both_have_an_opinion(host: str) -> None:
    address = ipaddress.ip_address(host)
    if address.is_global and not address.is_multicast:
        # 6to4, Teredo and translated addresses are global; nothing global is private to us.
        assert scope(host) in (Scope.WORLD, Scope.NOWHERE)
    if scope(host) is Scope.HOST:
        assert address.is_loopback
    if scope(host) is Scope.SITE:
        assert not address.is_global


class TestNodes:
    @given(st.lists(v4_contacts, max_size=12))
    def test_v4_round_trip(self, contacts: list[Contact]) -> None:
        raw = pack_nodes(contacts)
        assert len(raw) == V4_NODE * len(contacts)
        assert unpack_nodes(raw, V4_NODE, Scope.NOWHERE) == contacts

    @given(st.lists(v6_contacts, max_size=12))
    def test_v6_round_trip(self, contacts: list[Contact]) -> None:
        raw = pack_nodes(contacts)
        assert len(raw) == V6_NODE * len(contacts)
        assert unpack_nodes(raw, V6_NODE, Scope.NOWHERE) == contacts

    def test_layout(self) -> None:
        # BEP 5: "the 20-byte Node ID in network byte order has the compact IP-address/port info
        # concatenated to the end".
        contact = Contact(1, ("1.2.3.4", 0x1AE1))
        assert pack_node(contact) == bytes(19) + b"\x01" + b"\x01\x02\x03\x04" + b"\x1a\xe1"
        assert host_of(contact) == "1.2.3.4"

    @pytest.mark.parametrize("field", [None, 7, [b"x" * 26], {b"a": 1}, "x" * 26])
    def test_other_types_hold_no_contacts(self, field: object) -> None:
        assert unpack_nodes(field, V4_NODE, Scope.NOWHERE) == []

    @given(st.binary(max_size=200))
    def test_bytes_left_over_are_ignored(self, raw: bytes) -> None:
        contacts = unpack_nodes(raw, V4_NODE, Scope.NOWHERE)
        assert pack_nodes(contacts) == raw[: len(raw) // V4_NODE * V4_NODE]

    def test_not_more_than_a_bounded_number(self) -> None:
        raw = bytes(V4_NODE) * (MAX_CONTACTS + 100)
        assert len(unpack_nodes(raw, V4_NODE, Scope.NOWHERE)) == MAX_CONTACTS

    @pytest.mark.parametrize(
        ("teller", "believed"),
        [
            ("127.0.0.1", {"127.0.0.9", "192.168.1.1", "8.8.8.8"}),
            ("192.168.3.3", {"192.168.1.1", "8.8.8.8"}),
            ("8.8.4.4", {"8.8.8.8"}),
        ],
    )
    def test_nobody_speaks_of_addresses_narrower_than_his_own(
        self, teller: str, believed: set[str]
    ) -> None:
        hosts = ["127.0.0.9", "192.168.1.1", "8.8.8.8", "0.0.0.0"]
        raw = pack_nodes([Contact(5, (host, 1)) for host in hosts])
        read = unpack_nodes(raw, V4_NODE, scope(teller))
        assert {host_of(contact) for contact in read} == believed

    def test_a_contact_read_twice_is_one_object(self) -> None:
        raw = pack_node(Contact(99, ("9.8.7.6", 54)))
        once, again = (unpack_nodes(raw, V4_NODE, Scope.NOWHERE) for _ in range(2))
        assert once[0] is again[0]
