"""Which chunks are new: each id once, and none that was folded before; and what of that is stored, in which form."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.chunk import chunk_mentions
from orchestrator.contract.conflict import Conflict
from orchestrator.contract.decode import ChunkBatch, decode_batch
from orchestrator.contract.digests import ENTRY_BYTES, digest, entry, numbers_of
from orchestrator.errors import WrongSizeError
from orchestrator.lane.duplicates import Ledger, LedgerLimits, NewChunks
from orchestrator.store.types import DigestChange, Remember, StoredDigests
from tests.contract.test_cases import case
from tests.lane.support import item

BRAND = "nike"
IDS = st.lists(st.text(min_size=1, max_size=3, alphabet="abc"), max_size=20)
NOW_MS = 1_764_244_800_000


def batch_of(*ids: str, mentions: int | None = None) -> ChunkBatch:
    """A batch of chunks with these ids, which all say that they have so many mentions."""
    meta = {} if mentions is None else {"meta": {"mentionCount": mentions}}
    return decode_batch([item(BRAND, name, **meta) for name in ids], BRAND)


def entries_of(*ids: str) -> bytes:
    """What is stored of them."""
    batch = batch_of(*ids)
    numbers = numbers_of(batch.chunks, batch.mentions.counts)
    return b"".join(digest(name) + numbers[4 * place : 4 * place + 4] for place, name in enumerate(ids))


def taken(ledger: Ledger, *ids: str, now_ms: int = NOW_MS) -> DigestChange | None:
    """What a commit of chunks with these ids would write."""
    return ledger.take(batch_of(*ids), now_ms).change


def applied(stored: StoredDigests, change: DigestChange | None) -> StoredDigests:
    """What the script leaves of *stored* after *change*."""
    if change is None:
        return stored
    younger, older = {
        Remember.APPEND: (stored.younger + change.entries, stored.older),
        Remember.ROTATE: (change.entries, stored.younger),
        Remember.REPLACE: (change.entries, change.older),
    }[change.how]
    return StoredDigests(younger, older, change.begun_ms, change.younger_check, change.older_check)


@given(ids=IDS, known=st.sets(st.text(min_size=1, max_size=3, alphabet="abc")))
def test_ledger_keeps_each_new_id_once_in_order(ids: list[str], known: set[str]) -> None:
    """What is kept is the first appearance of every id that it does not know; the rest are duplicates."""
    ledger = Ledger(StoredDigests(entries_of(*known)))
    new = ledger.take(batch_of(*ids), NOW_MS)
    expected = [name for name in dict.fromkeys(ids) if name not in known]
    assert [chunk.chunk_id for chunk in new.batch.chunks] == expected
    assert (b"" if new.change is None else new.change.entries) == entries_of(*expected)
    assert new.duplicates + len(new.batch) == len(ids)


@given(batches=st.lists(IDS, max_size=12), most=st.integers(1, 6))
def test_ledger_is_what_its_commits_leave(batches: list[list[str]], most: int) -> None:
    """Loaded again after any commit it knows the same, and writes the same: in memory and stored it is one thing."""
    limits, stored = LedgerLimits(most=most), StoredDigests()
    ledger = Ledger(stored, limits)
    for number, ids in enumerate(batches):
        again = Ledger(stored, limits)
        new = ledger.take(batch_of(*ids), NOW_MS + number)
        assert again.take(batch_of(*ids), NOW_MS + number).change == new.change
        stored = applied(stored, new.change)
        assert (stored.younger_check or 0, stored.older_check or 0) == (crc32(stored.younger), crc32(stored.older))


def test_ledger_takes_a_batch_without_duplicates_as_it_is() -> None:
    """The usual case copies nothing."""
    batch = batch_of("a", "b")
    assert Ledger().take(batch, NOW_MS) == NewChunks(
        batch, 0, DigestChange(Remember.APPEND, entries_of("a", "b"), NOW_MS, crc32(entries_of("a", "b")), 0)
    )


def test_ledger_writes_nothing_if_nothing_is_new() -> None:
    """A batch of duplicates, and a refresh, leave what is stored alone."""
    ledger = Ledger()
    taken(ledger, "a")
    assert taken(ledger, "a", now_ms=NOW_MS + 10**12) is None
    assert ledger.change(b"", NOW_MS) is None


def test_ledger_remembers_two_generations_and_forgets_the_third() -> None:
    """With three digests a generation, those of the first batch leave with the second rotation."""
    ledger = Ledger(limits=LedgerLimits(most=3))
    changes = [taken(ledger, *ids) for ids in (("a", "b"), ("c",), ("d", "a"), ("e", "f", "g"))]
    assert [change and change.how for change in changes] == [
        Remember.APPEND,
        Remember.APPEND,
        Remember.ROTATE,
        Remember.ROTATE,
    ]
    assert [ledger.take(batch_of(name), NOW_MS).duplicates for name in "defg"] == [1, 1, 1, 1]
    assert ledger.take(batch_of("a"), NOW_MS).duplicates == 0


def test_a_batch_that_is_larger_than_a_generation_begins_none_before_it() -> None:
    """An empty generation has nothing to make room for."""
    ledger = Ledger(limits=LedgerLimits(most=2))
    change = taken(ledger, "a", "b", "c")
    assert change is not None
    assert change.how is Remember.APPEND


def test_ledger_rotates_by_age() -> None:
    """A generation older than its age is rotated by the next new chunk, however small it is."""
    ledger = Ledger(limits=LedgerLimits(age_ms=3_600_000))
    taken(ledger, "a")
    at_last, too_late = taken(ledger, "b", now_ms=NOW_MS + 3_600_000), taken(ledger, "c", now_ms=NOW_MS + 3_600_001)
    assert at_last is not None
    assert too_late is not None
    assert (at_last.how, at_last.begun_ms) == (Remember.APPEND, NOW_MS)
    assert (too_late.how, too_late.begun_ms) == (Remember.ROTATE, NOW_MS + 3_600_001)
    assert ledger.take(batch_of("a", "b", "c"), NOW_MS).duplicates == 3


def test_a_generation_that_was_begun_in_the_future_was_begun_now() -> None:
    """The clock was wrong when it was begun, and by that time it would never be old."""
    change = taken(Ledger(StoredDigests(begun_ms=NOW_MS + 1)), "a")
    assert change is not None
    assert change.begun_ms == NOW_MS


def test_ledger_takes_over_the_sets_of_before_in_one_step() -> None:
    """All that was known is written with the first commit, whatever that has; the next one appends."""
    old = StoredDigests(
        begun_ms=NOW_MS - 5, younger_set=frozenset({digest("a"), digest("b")}), older_set=frozenset({digest("c")})
    )
    ledger = Ledger(old)
    assert ledger.take(batch_of("a", "c"), NOW_MS).duplicates == 2
    ledger = Ledger(old)
    first, second = ledger.change(b"", NOW_MS), taken(ledger, "d", "b")
    younger, older = b"".join(sorted(entry(digest(name)) for name in "ab")), entry(digest("c"))
    assert first == DigestChange(Remember.REPLACE, younger, NOW_MS - 5, crc32(younger), crc32(older), older)
    assert second is not None
    assert (second.how, second.entries) == (Remember.APPEND, entries_of("d"))
    stored = applied(applied(old, first), second)
    assert Ledger(stored).take(batch_of("a", "b", "c", "d"), NOW_MS).duplicates == 4


def test_ledger_rotates_also_while_it_takes_over() -> None:
    """What is written is what is known from then on: the oldest is gone from both."""
    ledger = Ledger(
        StoredDigests(younger_set=frozenset({digest("a")}), older_set=frozenset({digest("b")})), LedgerLimits(most=1)
    )
    change = taken(ledger, "c")
    assert change is not None
    assert (change.how, change.entries, change.older) == (Remember.REPLACE, entries_of("c"), entry(digest("a")))
    assert ledger.take(batch_of("b"), NOW_MS).duplicates == 0


@pytest.mark.parametrize("which", ["younger", "older"])
def test_ledger_refuses_digests_that_no_commit_left(which: str) -> None:
    """One that changed its value would be another chunk's: they are no more believed than a field of the state."""
    stored = StoredDigests(entries_of("a"), entries_of("b"), NOW_MS, crc32(entries_of("a")), crc32(entries_of("b")))
    assert Ledger(stored).held_bytes > 0
    with pytest.raises(WrongSizeError, match=f"the {which} generation of digests has the checksum .* left"):
        Ledger(replace(stored, **{which: entries_of("c")}))  # type: ignore[arg-type]


def test_ledger_goes_on_from_a_cut_that_somebody_accepted() -> None:
    """Whole entries count; both generations are written anew, or the next entry would stand askew."""
    change = taken(Ledger(StoredDigests(entries_of("a", "b")[:-3], entries_of("c")[:5])), "d")
    assert change is not None
    assert (change.how, change.entries, change.older) == (Remember.REPLACE, entries_of("a", "d"), b"")


def test_ledger_says_what_it_takes_in_memory() -> None:
    """It is part of what a warm brand is counted with."""
    ledger = Ledger()
    empty = ledger.held_bytes
    taken(ledger, *map(str, range(1_000)))
    assert ledger.held_bytes - empty >= 1_000 * ENTRY_BYTES


@pytest.mark.parametrize(
    ("name", "kept", "mentions", "duplicates", "conflicts"),
    [
        ("c20_ids", ["a", "a ", "A"], 30, 1, 1),
        ("c31_counter_restarts", [f"chunk-{number}" for number in range(1, 6)], 50, 5, 5),
    ],
)
def test_a_chunk_id_names_a_chunk_for_ever(
    name: str, kept: list[str], mentions: int, duplicates: int, conflicts: int
) -> None:
    """The first one counts, whatever is in the second: c31's worker began to count anew and lost 250 mentions so.

    They are duplicates, and told apart as conflicts: there is an alert for some of them, and for many duplicates.
    """
    new = Ledger().take(case(name), NOW_MS)
    assert len(new.conflicts) == conflicts
    assert [chunk.chunk_id for chunk in new.batch.chunks] == kept
    assert sum(chunk_mentions(chunk, []) for chunk in new.batch.chunks) == mentions
    assert new.duplicates == duplicates


def test_a_chunk_with_a_known_id_and_other_numbers_is_a_conflict() -> None:
    """A duplicate all the same; the first numbers stay, and the commit says how many there were, and the newest."""
    ledger = Ledger()
    assert not ledger.take(batch_of("a", "b"), NOW_MS).conflicts
    assert not ledger.take(batch_of("a", "b"), NOW_MS).conflicts
    new = ledger.take(batch_of("a", "c", "b", mentions=77), NOW_MS + 5)
    assert (new.duplicates, list(new.conflicts)) == (2, [0, 2])
    assert new.change is not None
    assert (new.change.conflicts, new.change.newest) == (2, b"%d b" % (NOW_MS + 5))
    again = ledger.take(batch_of("a", mentions=77), NOW_MS + 6)
    assert again.change is not None
    assert (again.change.how, again.change.entries, again.change.conflicts) == (Remember.APPEND, b"", 3)
    plain = ledger.take(batch_of("a", "new"), NOW_MS)
    assert plain.change is not None
    assert (plain.change.conflicts, plain.change.newest) == (0, b"")


def test_conflicts_within_one_batch_count() -> None:
    """The first appearance is the chunk."""
    batch = batch_of("a")
    twice = decode_batch([item(BRAND, "a"), item(BRAND, "a", meta={"mentionCount": 50}), item(BRAND, "a")], BRAND)
    new = Ledger().take(twice, NOW_MS)
    assert (len(new.batch), new.duplicates, list(new.conflicts)) == (len(batch), 2, [1])


def test_chunks_of_before_their_numbers_were_kept_are_plain_duplicates() -> None:
    """Nobody knows what they said."""
    ledger = Ledger(StoredDigests(entry(digest("a")), younger_set=frozenset({digest("b")})))
    new = ledger.take(batch_of("a", "b", mentions=77), NOW_MS)
    assert (new.duplicates, new.conflicts) == (2, [])


def test_conflicts_are_counted_on_from_what_is_stored() -> None:
    """The number is the brand's, whichever process met them."""
    change = Ledger(StoredDigests(entries_of("a"), conflicts=40)).take(batch_of("a", mentions=77), NOW_MS).change
    assert change is not None
    assert change.conflicts == 41


@given(at_ms=st.integers(0, 10**15 - 1), name=st.text(min_size=1, max_size=512, alphabet=st.characters(codec="utf-8")))
def test_what_is_told_of_a_conflict_is_read_back(at_ms: int, name: str) -> None:
    """At most 128 characters of the id."""
    assert Conflict.read(Conflict(at_ms, name).encode()) == Conflict(at_ms, name[:128])


@pytest.mark.parametrize("stored", [b"", b"12", b"12 ", b" a", b"-1 a", b"1e3 a", b"1" * 16 + b" a", b"a b"])
def test_what_no_commit_of_ours_tells_is_no_conflict(stored: bytes) -> None:
    """It is untrusted, as all that Redis has."""
    assert Conflict.read(stored) is None


def test_a_conflict_that_is_no_text_is_shown_with_what_can_be_read() -> None:
    """A reader must not fail for it."""
    found = Conflict.read(b"7 \xff\xfe")
    assert found is not None
    assert found.at_ms == 7
