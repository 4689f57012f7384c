"""The numbers of all brands: read once, and again when a brand has committed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest
import trio

from orchestrator.errors import StoreUnavailableError
from orchestrator.http.brand_index import HURRY_S, MAX_AGE_S, PATIENCE_S, SETTLED_S, SLICE, BrandIndex
from orchestrator.http.problems import ProblemError
from tests.http.conftest import MemoryService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trio.testing import MockClock

    from orchestrator.fleet.view import BrandStatus
    from orchestrator.http.numbers import Numbers

T = TypeVar("T")
MANY = 5 * SLICE + 3


@pytest.fixture
def many(service: MemoryService) -> MemoryService:
    """Brands of several slices; the n-th has n mentions."""
    for number in range(MANY):
        service.add(f"brand {number}", totalMentions=number)
    return service


async def statuses(service: MemoryService) -> Mapping[str, BrandStatus]:
    """How the brands stand now."""
    return {status.brand: status for status in (await service.fleet()).brands}


async def read(index: BrandIndex, service: MemoryService) -> Mapping[str, Numbers]:
    """The numbers of all brands; ``service.read`` has those whose summaries were read for it."""
    service.read.clear()
    return await index.all(await statuses(service))


async def test_all_summaries_are_read_once(many: MemoryService) -> None:
    """The second time nothing has changed, and nothing is read."""
    index = BrandIndex(many)
    found = await read(index, many)
    assert {brand: each.mentions for brand, each in found.items()} == {f"brand {n}": n for n in range(MANY)}
    assert sorted(many.read) == sorted(many.registered)
    assert await read(index, many) == found
    assert many.read == []


async def test_a_brand_that_committed_is_read_again(many: MemoryService) -> None:
    """That one and no other."""
    index = BrandIndex(many)
    await read(index, many)
    many.add("brand 3", totalMentions=9_999)
    assert (await read(index, many))["brand 3"].mentions == 9_999
    assert many.read == ["brand 3"]


async def test_a_commit_during_the_reading_is_found_by_the_next(service: MemoryService) -> None:
    """What was read belongs to the commits that were known before, so it cannot pass for newer than it is."""
    service.add("nike", totalMentions=1)
    before = await statuses(service)
    service.add("nike", totalMentions=2)
    index = BrandIndex(service)
    assert (await index.all(before))["nike"].mentions == 2
    assert await read(index, service)
    assert service.read == ["nike"]


async def test_what_has_gone_is_not_kept(many: MemoryService) -> None:
    """Neither brands that left the registry nor summaries that expired."""
    index = BrandIndex(many)
    await read(index, many)
    del many.registered[SLICE:]
    del many.stored["brand 0"]
    assert set(await read(index, many)) == set(many.registered) - {"brand 0"}
    assert len(index) == SLICE - 1


async def test_a_brand_whose_commits_cannot_be_counted_is_read_each_time(service: MemoryService) -> None:
    """Nothing says that it is as it was."""
    service.add("nike")
    service.commits["nike"] = None  # as a meta of a foreign type has
    index = BrandIndex(service)
    await read(index, service)
    await read(index, service)
    assert service.read == ["nike"]


async def test_what_nobody_rewrote_for_long_is_read_again(service: MemoryService, autojump_clock: MockClock) -> None:
    """A brand that was purged and came back may have as many commits as before."""
    del autojump_clock
    service.add("nike")
    index = BrandIndex(service)
    await read(index, service)
    await trio.sleep(MAX_AGE_S + 1)
    await read(index, service)
    assert service.read == ["nike"]


async def test_unreadable_summaries_have_no_numbers_and_do_no_harm(many: MemoryService) -> None:
    """They are not read again and again either."""
    many.stored["brand 7"] = b"\xff"
    index = BrandIndex(many)
    assert set(await read(index, many)) == set(many.registered) - {"brand 7"}
    await read(index, many)
    assert many.read == []


async def test_requests_that_come_together_read_once(many: MemoryService) -> None:
    """The second waits for what the first reads."""
    index = BrandIndex(many)
    standing = await statuses(many)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(index.all, standing)
    assert sorted(many.read) == sorted(many.registered)


async def test_an_error_of_the_store_leaves_as_it_is(many: MemoryService) -> None:
    """Not in a group; what was read before stays."""
    standing = await statuses(many)
    many.error = StoreUnavailableError("away")
    with pytest.raises(StoreUnavailableError):
        await BrandIndex(many).all(standing)


class SlowService(MemoryService):
    """Each slice takes as long as a request waits, but for a little."""

    async def summaries(self, brands: Sequence[str], take: Callable[[bytes | None], T]) -> Sequence[T]:
        """What is made of the stored summaries, late."""
        await trio.sleep(PATIENCE_S - 1)
        return await super().summaries(brands, take)


async def test_a_request_waits_for_a_time_and_the_next_goes_on(autojump_clock: MockClock) -> None:
    """Two slices of six come in time, at 9 s; at 10 s the answer is 503; each request finds two more."""
    del autojump_clock
    service = SlowService()
    for number in range(MANY):
        service.add(f"brand {number}")
    index, standing = BrandIndex(service), await statuses(service)
    for known in (2 * SLICE, 4 * SLICE):
        with pytest.raises(ProblemError, match=f"{known} of {MANY} brands") as caught:
            await index.all(standing)
        assert caught.value.status == 503
    assert len(await index.all(standing)) == MANY


async def test_a_page_takes_what_is_known_soon(autojump_clock: MockClock) -> None:
    """A slice takes longer than a page waits: it is told of how many brands nothing is known, and nothing is lost."""
    del autojump_clock
    service = SlowService()
    for number in range(SLICE):
        service.add(f"brand {number}")
    index, standing = BrandIndex(service), await statuses(service)
    before = trio.current_time()
    assert await index.soon(standing) == ({}, SLICE)
    assert trio.current_time() - before == pytest.approx(HURRY_S)
    assert len(await index.all(standing)) == SLICE
    assert (await index.soon(standing))[1] == 0


async def test_a_page_reads_busy_brands_now_and_then(service: MemoryService, autojump_clock: MockClock) -> None:
    """What committed is read again when it is old enough, or at once if its spike has opened or closed."""
    del autojump_clock
    service.add("nike", totalMentions=1)
    index = BrandIndex(service)
    await index.soon(await statuses(service))
    service.add("nike", totalMentions=2)
    assert (await index.soon(await statuses(service)))[0]["nike"].mentions == 1
    opened = {brand: replace(status, spiking=True) for brand, status in (await statuses(service)).items()}
    assert (await index.soon(opened))[0]["nike"].mentions == 2
    service.add("nike", totalMentions=3)
    await trio.sleep(SETTLED_S + 1)
    assert (await index.soon(await statuses(service)))[0]["nike"].mentions == 3


async def test_some_are_read_as_they_are_now(many: MemoryService) -> None:
    """A page shows what is stored, whatever is kept."""
    index = BrandIndex(many)
    await read(index, many)
    many.stored["brand 1"] = many.stored["brand 2"]
    assert (await index.some(["brand 1", "nobody"]))["brand 1"].mentions == 2
