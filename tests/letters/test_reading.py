"""Lists of dead letters are read in slices and counted within bounds."""

from __future__ import annotations

import pytest
import redis

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.letters import Letter, Selection, Writer
from orchestrator.errors import WrongTypeError
from orchestrator.letters import MAX_GROUPS, Group, Tally, counts, each, find, groups, slice_of

KEY_OF = BrandKeys.of


def test_counts_know_every_brand(brand: str, redis_client: redis.Redis) -> None:
    """Registered or not; those without letters are left out, and keys of another type are told apart."""
    registry = f"{brand} registry"
    redis_client.sadd(registry, f"{brand} none", f"{brand} odd")
    redis_client.rpush(KEY_OF(f"{brand} some").failed, "a", "b")
    redis_client.set(KEY_OF(f"{brand} odd").failed, "x")
    found = counts(redis_client, [registry])
    assert {name: number for name, number in found.letters.items() if brand in name} == {f"{brand} some": 2}
    assert [name for name in found.foreign if brand in name] == [f"{brand} odd"]


def test_a_slice_knows_its_places(brand: str, redis_client: redis.Redis) -> None:
    """From either end."""
    redis_client.rpush(KEY_OF(brand).failed, "a", "b", "c")
    newest, total = slice_of(redis_client, brand, -2, -1)
    assert ([(letter.index, letter.raw) for letter in newest], total) == ([(1, b"b"), (2, b"c")], 3)
    assert [letter.raw for letter in slice_of(redis_client, brand, 0, 0)[0]] == [b"a"]


def test_the_newest_are_found_and_all_are_counted(brand: str, redis_client: redis.Redis) -> None:
    """Also where they do not stand together."""
    redis_client.rpush(KEY_OF(brand).failed, *(b'{"reason":"%d"}' % (number % 3) for number in range(100)))
    found, total = find(redis_client, brand, Selection(reason="1"), 2)
    assert ([letter.index for letter in found], total) == ([94, 97], 33)


def test_groups_are_counted_over_brands(brand: str, redis_client: redis.Redis) -> None:
    """By brand, writer, path without places, and reason."""
    redis_client.rpush(KEY_OF(brand).failed, b'{"reason":"r","path":"$.a[1]"}', b'{"reason":"r","path":"$.a[2]"}', b"x")
    tally = groups(redis_client, [brand], Selection())
    assert tally.groups == {Group(brand, Writer.OTHER, "$.a[]", "r"): 2, Group(brand, Writer.OTHER, "", ""): 1}


def test_groups_are_bounded() -> None:
    """A reason of its own for each letter, of any length, does not fill the memory; known groups are counted on."""
    tally = Tally()
    for number in [*range(MAX_GROUPS + 5), 0]:
        tally.add("b", Letter.read(0, b'{"reason":"%d %s"}' % (number, b"x" * 1_000)))
    assert (len(tally.groups), tally.rest, tally.total) == (MAX_GROUPS, 5, MAX_GROUPS + 6)
    assert max(len(group.reason) for group in tally.groups) < 1_000
    assert tally.groups.most_common(1)[0][1] == 2


def test_a_key_of_another_type_is_named(brand: str, redis_client: redis.Redis) -> None:
    """With what it is and what it should be."""
    redis_client.set(KEY_OF(brand).failed, "x")
    for read in (lambda: list(each(redis_client, brand)), lambda: slice_of(redis_client, brand, 0, 0)):
        with pytest.raises(WrongTypeError, match="is a string, expected a list"):
            read()


def test_no_letters_are_no_error(brand: str, redis_client: redis.Redis) -> None:
    """A brand without a list has none."""
    assert (list(each(redis_client, brand)), slice_of(redis_client, brand, -5, -1)) == ([], ([], 0))
