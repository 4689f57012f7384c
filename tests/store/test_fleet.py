"""The picture is read from Redis in slices, whatever stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orchestrator.contract.conflict import Conflict
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import MEMBERS_KEY, ORPHANS_KEY, PARKED_KEY, BrandKeys
from orchestrator.contract.lock_token import new_token
from orchestrator.fleet.parking import Code, Parked
from orchestrator.fleet.view import Standing
from orchestrator.store import Store
from orchestrator.store.fleet import SLICE, read_brand, read_fleet
from orchestrator.store.members import Told, ToldLoad, ToldRates, beat
from orchestrator.store.orphans import search
from orchestrator.store.parked import (
    MAX_ENTRY_BYTES,
    MAX_PARKED,
    decode,
    encode,
    read_parked,
)
from orchestrator.store.pauses import pause, resume

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

A, B = "00000000000000aa", "00000000000000bb"
REGISTRY = "brands:test:fleet"
SETTINGS = msgspec.Raw(Fingerprint({}).text().encode())
PARKED = Parked(Code.META, "its epoch is b'inf'", 1_000, A)


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without members and parked brands, before and after."""
    any_client.delete(MEMBERS_KEY, ORPHANS_KEY, PARKED_KEY, REGISTRY)
    yield any_client
    any_client.delete(MEMBERS_KEY, ORPHANS_KEY, PARKED_KEY, REGISTRY)


def live(client: redis.Redis, name: str, **changes: Any) -> None:
    """The process *name* lives."""
    beat(client, name, 0, Told(f"o-{name[-1]}", "1", 4, SETTINGS, 5, 2, **changes))


def register(client: redis.Redis, *brands: str) -> None:
    """Nothing else is registered."""
    client.sadd(REGISTRY, *brands)


def now_ms(client: redis.Redis) -> int:
    """The server's clock."""
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000


def test_an_empty_server_is_a_picture(client: redis.Redis) -> None:
    """Nobody lives, nothing waits; the time is the server's."""
    before = now_ms(client)
    view = read_fleet(client, [REGISTRY])
    assert before <= view.as_of_ms <= now_ms(client)
    assert (view.members, view.brands, view.refused) == ((), [], 0)


def test_picture_tells_what_waits_and_who_lives(client: redis.Redis, brand: str) -> None:
    """Numbers are those of the keys; what processes say of themselves is summed."""
    keys = BrandKeys.of(brand)
    register(client, brand, "bad\x07")
    client.rpush(keys.queue, "a", "b")
    client.rpush(keys.failed, "c")
    client.hset(keys.meta, "version", 7)
    client.set(keys.summary, "{}")
    live(client, A, load=ToldLoad(0.5, 1.25, 100), rates=ToldRates(1, 20, 0.5, 2, 3), oldest=7.5, holds=(brand, "\x07"))
    live(client, B)
    view = read_fleet(client, [REGISTRY])
    (status,) = view.brands
    assert (status.brand, status.standing) == (brand, Standing.WAITING)
    assert (status.queued, status.failed, status.commits, status.summarised) == (2, 1, 7, True)
    assert (status.holder, status.parked, status.spiking, view.refused) == (None, None, False, 1)
    first, second = view.members
    assert (first.id, first.holds, first.oldest_s) == ("o-a", (brand,), 7.5)
    assert (second.load, second.rates, second.oldest_s, second.holds) == (None, None, None, ())
    assert first.load is not None
    assert (first.load.lanes, first.load.cpu, first.load.memory_bytes) == (0.5, 1.25, 100)
    assert (view.rates.chunks, view.rates.mentions, view.lanes) == (1, 20, 10)


def test_picture_tells_who_holds_a_brand_and_since_when(client: redis.Redis, brand: str) -> None:
    """By the token's name, the epoch and the lock's life."""
    register(client, brand)
    live(client, A)
    before = now_ms(client)
    lease = Store(client).acquire(brand, new_token(A))
    status = read_brand(client, brand)
    assert status.standing is Standing.HELD
    holder = status.holder
    assert holder is not None
    assert (holder.name, holder.id, holder.lives, holder.token) == (A, "o-a", True, lease.token.encode())
    assert holder.since_ms is not None
    assert before <= holder.since_ms <= now_ms(client)
    assert holder.left_ms is not None
    assert 10_000 < holder.left_ms <= 15_000


@pytest.mark.parametrize(
    ("token", "name", "lives"),
    [
        (f"{B}:0", B, False),
        ("repair:0", "repair", None),
        ("0" * 32, "", None),
        ("", "", None),
        ("x\x1b[31m:0", "", None),
    ],
)
def test_other_holders(client: redis.Redis, brand: str, *, token: str, name: str, lives: bool | None) -> None:
    """A process that is gone, a command, an older version, and whatever else stands there; for ever."""
    live(client, A)
    client.set(BrandKeys.of(brand).lock, token)
    client.hset(BrandKeys.of(brand).meta, "epoch", 2**49)  # of a clock that was ahead
    status = read_brand(client, brand)
    assert status.holder is not None
    assert (status.holder.name, status.holder.lives, status.holder.left_ms) == (name, lives, None)
    assert status.holder.since_ms is not None
    assert status.holder.since_ms <= now_ms(client)


def test_foreign_types_hide_no_brand(client: redis.Redis, brand: str) -> None:
    """What cannot be read is told as such."""
    keys = BrandKeys.of(brand)
    for key in (keys.queue, keys.failed, keys.meta, keys.spike):
        client.set(key, "x")
    client.rpush(keys.lock, "x")
    status = read_brand(client, brand)
    assert (status.queued, status.failed, status.commits, status.spiking) == (None, None, None, False)
    assert status.unreadable
    assert status.holder is not None


@pytest.mark.parametrize("version", ["x", "-1", "1" * 16, "9" * 2_000])
def test_damaged_numbers_are_no_numbers(client: redis.Redis, brand: str, version: str) -> None:
    """A long one is not even read."""
    client.hset(BrandKeys.of(brand).meta, mapping={"version": version, "epoch": version})
    client.set(BrandKeys.of(brand).lock, "x")
    status = read_brand(client, brand)
    assert status.commits in ({0} if len(version) > 1_000 else {None})
    assert status.holder is not None
    assert status.holder.since_ms is None


@pytest.mark.parametrize(
    ("entry", "spiking"),
    [
        ('{"timestamp": "2026-01-01T00:00:00.000Z"}', True),
        ('{"timestamp": "2026-01-01T00:00:00.000Z", "endedAt": "2026-01-01T01:00:00.000Z"}', False),
        ("{}", False),
        ("x", False),
        ('{"timestamp": "' + "x" * 2_000 + '"}', False),
    ],
)
def test_the_newest_episode_decides_whether_a_brand_spikes(
    client: redis.Redis, brand: str, entry: str, *, spiking: bool
) -> None:
    """An open one has no end."""
    client.rpush(BrandKeys.of(brand).spike, "{}", entry)
    assert read_brand(client, brand).spiking is spiking


def test_brands_are_looked_at_in_slices(client: redis.Redis) -> None:
    """Each has its own answer."""
    brands = sorted(f"slice {number:04}" for number in range(2 * SLICE + 1))
    register(client, *brands)
    for number in (0, SLICE - 1, SLICE, 2 * SLICE):
        client.rpush(BrandKeys.of(brands[number]).queue, *["x"] * (number + 1))
    found = {status.brand: status.queued for status in read_fleet(client, [REGISTRY]).brands if status.queued}
    client.delete(*(BrandKeys.of(name).queue for name in brands))
    assert found == {brands[number]: number + 1 for number in (0, SLICE - 1, SLICE, 2 * SLICE)}


def test_parked_brands_are_read_as_they_were_written(client: redis.Redis, brand: str) -> None:
    """While the process lives that says so."""
    client.hset(PARKED_KEY, brand, encode(PARKED))
    register(client, brand)
    assert read_brand(client, brand).parked is None
    live(client, A)
    for status in (read_brand(client, brand), *read_fleet(client, [REGISTRY]).brands):
        assert (status.standing, status.parked) == (Standing.PARKED, PARKED)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"x",
        b"[]",
        b'{"code":"type","reason":"x","sinceMs":1}',
        b'{"code":"type","reason":"x","sinceMs":-1,"by":"a"}',
        b'{"code":"type","reason":"x","sinceMs":1e300,"by":"a"}',
        b'{"code":"type","reason":"x","sinceMs":1,"by":"a b"}',
        b'{"code":"type","reason":"x","sinceMs":1,"by":"' + b"a" * 65 + b'"}',
        b'{"code":"type","reason":"' + b"x" * MAX_ENTRY_BYTES + b'","sinceMs":1,"by":"a"}',
        b"[" * 900,
    ],
)
def test_foreign_entries_are_none(entry: bytes) -> None:
    """Somebody else wrote them."""
    assert decode(entry) is None


def test_a_code_of_another_version_is_told_all_the_same() -> None:
    """With what that version found."""
    entry = b'{"code":"brand new","reason":"x","sinceMs":1,"by":"a","more":[]}'
    assert decode(entry) == Parked(Code.OTHER, "x", 1, "a")


@pytest.mark.parametrize("char", ["x", "\x00", "€", "\N{PILE OF POO}"])
def test_every_reason_fits_into_an_entry(char: str) -> None:
    """It is cut, not refused."""
    found = decode(encode(Parked(Code.TYPE, char * 9_999, 1, A)))
    assert found is not None
    assert found.reason == char * len(found.reason)
    assert len(found.reason) >= 100


def test_foreign_fields_and_keys_are_left_out(client: redis.Redis) -> None:
    """A name that is none, more brands than there can be, and a key of another type."""
    for field in (b"\xff", b"a\x07", b" a", b""):
        client.hset(PARKED_KEY, field, encode(PARKED))
    assert read_parked(client) == {}
    client.hset(PARKED_KEY, mapping={f"b{number}": "x" for number in range(MAX_PARKED)})
    assert len(read_parked(client)) == 0
    client.delete(PARKED_KEY)
    client.rpush(PARKED_KEY, "x")
    assert read_parked(client) == {}
    assert read_brand(client, "b").parked is None


def test_paused_brands_are_told_with_who_and_why(client: redis.Redis, brand: str) -> None:
    """Until they are resumed; that somebody said so explains all the rest."""
    client.rpush(BrandKeys.of(brand).queue, "x")
    register(client, brand)
    pause(client, [brand], by="ann", reason="a look")
    for status in (read_brand(client, brand), *read_fleet(client, [REGISTRY]).brands):
        assert (status.standing, status.queued) == (Standing.PAUSED, 1)
        assert status.paused is not None
        assert (status.paused.by, status.paused.reason) == ("ann", "a look")
    resume(client, [brand])
    assert read_brand(client, brand).standing is Standing.WAITING


def test_queues_of_nobody_are_told_as_the_last_search_found_them(client: redis.Redis, brand: str) -> None:
    """None before the first one, and where the key is somebody else's."""
    assert read_fleet(client, [REGISTRY]).orphans is None
    register(client, brand)
    client.rpush(BrandKeys.of(f"{brand}  ").queue, "x", "y")
    search(client, {brand})
    orphans = read_fleet(client, [REGISTRY]).orphans
    client.delete(BrandKeys.of(f"{brand}  ").queue, ORPHANS_KEY)
    client.rpush(ORPHANS_KEY, "x")
    without = read_fleet(client, [REGISTRY])
    client.delete(ORPHANS_KEY)
    assert orphans is not None
    (chunks,) = [one.chunks for one in orphans.named if one.name == f"{brand}  "]
    assert (chunks, orphans.queues >= 1, orphans.chunks >= 2) == (2, True, True)
    assert (without.orphans, len(without.brands)) == (None, 1)


def test_picture_tells_of_chunks_that_contradict_the_one_of_their_id(client: redis.Redis, brand: str) -> None:
    """How many, and the newest; what no commit of ours wrote is none."""
    keys = BrandKeys.of(brand)
    register(client, brand)
    assert read_brand(client, brand).newest_conflict is None
    client.hset(keys.meta, mapping={"conflicts": 3, "conflict": Conflict(now_ms(client), "c-é").encode()})
    view = read_fleet(client, [REGISTRY])
    (status,) = view.conflicting
    assert status.newest_conflict is not None
    assert (status.conflicts, status.newest_conflict.chunk_id) == (3, "c-é")
    for conflicts, conflict in (("x", "1 a"), (1, b"\xff"), (1, b"1 " + b"x" * 2_000)):
        client.hset(keys.meta, mapping={"conflicts": conflicts, "conflict": conflict})
        assert list(read_fleet(client, [REGISTRY]).conflicting) == []
    client.delete(keys.meta)
    client.set(keys.meta, "foreign")
    status = read_brand(client, brand)
    assert (status.commits, status.conflicts, status.newest_conflict) == (None, 0, None)
    client.delete(keys.meta)


def test_picture_tells_which_brands_have_settings_of_their_own(client: redis.Redis, brand: str) -> None:
    """What is none that a brand may have, or too long, is none: such a brand is parked, and that is told."""
    keys = BrandKeys.of(brand)
    register(client, brand)
    own = {"MERGE_SIMILARITY_THRESHOLD": 0.9}
    mine = Fingerprint({"MAX_STORIES": 5})
    for settings, found in (
        (mine.owning(own).text(), own),
        (mine.text(), {}),
        ('[{},{"MORE":1}]', {}),
        (f"[{{}},{{}}]{' ' * 1_024}", {}),
        ("", {}),
    ):
        client.hset(keys.meta, "settings", settings)
        assert read_brand(client, brand).own == found
        assert [one.brand for one in read_fleet(client, [REGISTRY]).owning] == ([brand] if found else [])
    client.delete(keys.meta)
