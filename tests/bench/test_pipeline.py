"""The loads of the pipeline benchmark and what is checked of them."""

from __future__ import annotations

import pytest

from bench.pipeline import Load, check_stories, loads


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
