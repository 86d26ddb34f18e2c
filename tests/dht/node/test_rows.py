"""What is stored comes back, whatever strangers put in it."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import Key
from dht.core.messages import Contact, Provider, Record
from dht.node.rows import (
    blob_key,
    contact_row,
    host_port,
    key_blob,
    provider_row,
    record_row,
    row_contact,
    row_provider,
    row_record,
)

KEYS = st.integers(0, 2**256 - 1).map(Key)
BLOBS = st.binary(max_size=40)
# Wider than SQLite's integers, on both sides.
SEQS = st.none() | st.integers(-(2**80), 2**80)
PLACES = st.tuples(st.sampled_from(["127.0.0.1", "2001:db8::1", ""]), st.integers(0, 65535))


def through_sqlite(row: tuple[object, ...]) -> tuple[object, ...]:
    connection = sqlite3.connect(":memory:")
    back: tuple[object, ...] = connection.execute(
        f"SELECT {', '.join('?' * len(row))}", row
    ).fetchone()
    connection.close()
    return back


@given(KEYS, KEYS)
def test_keys_come_back_and_sort_as_they_did(one: Key, other: Key) -> None:
    assert blob_key(key_blob(one)) == one
    assert (key_blob(one) < key_blob(other)) == (one < other)


@given(st.builds(Record, KEYS, BLOBS, SEQS, BLOBS, BLOBS, BLOBS))
def test_records_come_back(record: Record) -> None:
    assert row_record(through_sqlite(record_row(record))) == record


@given(st.builds(Provider, PLACES, st.booleans()))
def test_providers_come_back(provider: Provider) -> None:
    back = row_provider(through_sqlite(provider_row(provider)))
    assert back == provider
    assert isinstance(back.seed, bool)


@given(st.builds(Contact, KEYS, PLACES))
def test_contacts_come_back(contact: Contact) -> None:
    assert row_contact(through_sqlite(contact_row(contact))) == contact


@pytest.mark.parametrize("endpoint", ["host", ("host",), ("h", "1"), (1, 1), ("h", 1, 2), None])
def test_other_endpoints_are_an_error_of_the_programmer(endpoint: object) -> None:
    with pytest.raises(TypeError, match="only \\(host, port\\)"):
        host_port(endpoint)
