"""The benchmark of rebuilds in small: every engine gives what the live service left, byte for byte."""

from __future__ import annotations

from bench.rebuild import COLUMNS, chunks_of, measured


def test_every_engine_gives_the_live_states() -> None:
    """By the real service, a pool and a cluster of Dask."""
    report = measured(3, 20, workers=2, rounds=1)
    assert [len(row) for row in report.rows] == [len(COLUMNS)] * 4
    told = {row[0]: row[-1] for row in report.rows}
    assert told == {
        "the live service, 1 process": "",
        "this process": "3 of 3",
        "2 processes": "3 of 3",
        "Dask, 2 workers": "3 of 3",
    }


def test_no_two_chunks_of_a_brand_have_the_same_id() -> None:
    """Of both kinds; another seed gives others."""
    chunks = list(chunks_of("brand", 60, 1))
    assert len({chunk[:40] for chunk in chunks}) == 60
    assert chunks != list(chunks_of("brand", 60, 2))
