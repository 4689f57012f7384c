"""The loads of the pipeline benchmark and what is checked of them."""

from __future__ import annotations

import pytest

from bench.pipeline import Load, check_stories, floor_items, loads


@pytest.mark.parametrize("load", loads(0.001), ids=lambda load: load.name)
def test_load_names_the_chunks_that_it_makes(load: Load) -> None:
    """Each brand gets the chunks that are counted, and before them those that found its stories."""
    brand = load.brand_names[0]
    assert sum(1 for _ in load.chunks(brand)) == load.founding + load.each
    assert load.count == load.each * len(load.brand_names)


def test_loads_shrink_and_grow() -> None:
    """``--scale`` changes what is counted: chunks of a brand, and where that is one, brands; never the stories."""
    small, usual = loads(0.5), loads(1)
    assert [load.count * 2 for load in small] == [load.count for load in usual]
    assert [(load.name, load.stories) for load in small] == [(load.name, load.stories) for load in usual]
    assert all(load.brands == other.brands or load.each == 1 for load, other in zip(small, usual, strict=True))


@pytest.mark.parametrize("found", [9_500, 10_000])
def test_stories_may_miss_a_few(found: int) -> None:
    """Labels drawn at random may make a few stories one."""
    check_stories(Load("b", "b", 20, stories=10_000), b'{"clusterCount":%d}' % found)


@pytest.mark.parametrize("summary", [b'{"clusterCount":9499}', b'{"clusterCount":10001}', None])
def test_stories_that_are_not_there_refuse_the_figure(summary: bytes | None) -> None:
    """A figure for 10,000 stories is not told if the brand had another number of them."""
    with pytest.raises(RuntimeError, match=r"stories, expected 10,000"):
        check_stories(Load("b", "b", 20, stories=10_000), summary)


@pytest.mark.parametrize(("size", "items"), [(280, 1_024), (4_900, 427), (69_000, 30), (5 << 20, 1)])
def test_the_floor_reads_as_many_as_the_service(size: int, items: int) -> None:
    """A smaller batch made it slower than it can be, and the service look better beside it."""
    assert floor_items(size) == items


def test_weak_places_are_measured() -> None:
    """Visits of one chunk, without and with states that may not fit in memory; packed centroids; two processes."""
    found = {load.name: load for load in loads(1)}
    assert [found[f"sparse, {count:,} brands"].brands for count in (1_500, 10_000)] == [1_500, 10_000]
    assert [found[f"visits, {count} brands of 200"].stories for count in (200, 800)] == [200, 200]
    assert {load.processes for load in found.values()} == {1, 2}
    assert "f32" in {load.payload for load in found.values()}
