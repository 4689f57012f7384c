"""Reading published documents: bounded, and absent where the key is foreign."""

from __future__ import annotations

import pytest
import redis

from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import StoreUnavailableError
from orchestrator.store.connecting import connect
from orchestrator.store.documents import MAX_DOCUMENT_BYTES, MAX_LIST_ENTRIES, Documents


def test_documents_of_an_unknown_brand_are_absent(any_client: redis.Redis, brand: str) -> None:
    """Nothing stored, nothing read."""
    documents = Documents(any_client)
    assert (documents.summary(brand), documents.trend(brand), documents.spikes(brand)) == (None, {}, [])


def test_documents_are_read_as_they_are_stored(any_client: redis.Redis, brand: str) -> None:
    """Bytes in, bytes out; the list keeps its order."""
    documents, keys = Documents(any_client), BrandKeys.of(brand)
    any_client.set(keys.summary, b'{"brand":"\xff"}')
    any_client.hset(keys.trend, mapping={"h:1": b"a", "d:1": b"b"})
    any_client.rpush(keys.spike, b"older", b"newer")
    assert documents.summary(brand) == b'{"brand":"\xff"}'
    assert documents.trend(brand) == {b"h:1": b"a", b"d:1": b"b"}
    assert documents.spikes(brand) == [b"older", b"newer"]
    any_client.rpush(keys.recent, b"older", b"newer")
    assert documents.recent(brand) == [b"older", b"newer"]


def test_summary_is_cut_one_byte_beyond_its_bound(any_client: redis.Redis, brand: str) -> None:
    """Enough to see that it is too long, and no more."""
    any_client.set(BrandKeys.of(brand).summary, b"x" * (MAX_DOCUMENT_BYTES + 1_000))
    assert len(Documents(any_client).summary(brand) or b"") == MAX_DOCUMENT_BYTES + 1


def test_lists_are_cut_one_entry_beyond_their_bound(any_client: redis.Redis, brand: str) -> None:
    """Of too many spikes the newest are read, of too many trend fields any."""
    keys, documents = BrandKeys.of(brand), Documents(any_client)
    any_client.rpush(keys.spike, *range(MAX_LIST_ENTRIES + 100))
    any_client.hset(keys.trend, mapping={str(number): "x" for number in range(MAX_LIST_ENTRIES + 100)})
    spikes = documents.spikes(brand)
    assert (len(spikes), spikes[-1]) == (MAX_LIST_ENTRIES + 1, b"%d" % (MAX_LIST_ENTRIES + 99))
    assert len(documents.trend(brand)) == MAX_LIST_ENTRIES + 1
    any_client.rpush(keys.recent, *range(MAX_LIST_ENTRIES + 100))
    assert len(documents.recent(brand)) == MAX_LIST_ENTRIES + 1


def test_keys_of_a_foreign_type_count_as_absent(any_client: redis.Redis, brand: str) -> None:
    """The lane raises the alarm about them; a reader just sees nothing."""
    keys, documents = BrandKeys.of(brand), Documents(any_client)
    any_client.sadd(keys.summary, "x")
    any_client.set(keys.trend, "x")
    any_client.set(keys.spike, "x")
    any_client.set(keys.recent, "x")
    assert documents.recent(brand) == []
    assert (documents.summary(brand), documents.trend(brand), documents.spikes(brand)) == (None, {}, [])


def test_summaries_are_read_together(any_client: redis.Redis, brand: str) -> None:
    """Each as if it was read alone: missing, of a foreign type, or too long."""
    documents, names = Documents(any_client), [f"{brand}-{number}" for number in range(4)]
    keys = [BrandKeys.of(name).summary for name in names]
    any_client.set(keys[0], b"{}")
    any_client.sadd(keys[1], "x")
    any_client.set(keys[3], b"x" * (MAX_DOCUMENT_BYTES + 100))
    found = documents.summaries(names)
    assert found == [documents.summary(name) for name in names]
    assert found[:3] == [b"{}", None, None]


def test_points_of_several_trends_are_read_together(any_client: redis.Redis, brand: str) -> None:
    """In the order of brands and fields; None where there is none, also where the key has a foreign type."""
    any_client.hset(BrandKeys.of(brand).trend, mapping={"a": "1", "b": "2"})
    any_client.set(BrandKeys.of(f"{brand} foreign").trend, "x")
    read = Documents(any_client).trend_points([f"{brand} nobody", f"{brand} foreign", brand], [b"b", b"c", b"a"])
    assert read == [[None] * 3, [None] * 3, [b"2", None, b"1"]]


def test_summaries_without_an_answer_raise() -> None:
    """No answer is not the same as no document."""
    client = connect("unix:///nowhere/redis.sock", timeout_s=1.0, pool_size=1)
    with pytest.raises(StoreUnavailableError):
        Documents(client).summaries(["nike"])


@pytest.mark.parametrize("document", ["summary", "trend", "spikes", "recent"])
def test_documents_without_an_answer_raise(document: str) -> None:
    """No answer is not the same as no document."""
    client = connect("unix:///nowhere/redis.sock", timeout_s=1.0, pool_size=1)
    with pytest.raises(StoreUnavailableError):
        getattr(Documents(client), document)("nike")
