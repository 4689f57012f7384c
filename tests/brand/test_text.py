"""Tests of clipped texts and of the summary in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.text import Content, clip, compose


@given(st.text(), st.integers(1, 50))
def test_clip_bounds_every_text(text: str, chars: int) -> None:
    """A clipped text is one line within its bound; a short one keeps its words."""
    clipped = clip(text, chars)
    assert len(clipped) <= chars
    assert clipped == " ".join(clipped.split())
    if len(text) <= chars:
        assert clipped == " ".join(text.split())


def content(**fields: object) -> Content:
    """Nothing to tell, except for *fields*."""
    nothing: dict[str, object] = {"stories": [], "topics": [], "flagged": [], "surge": "", "highlights": []}
    return Content(**{**nothing, **fields})  # type: ignore[arg-type]


def test_compose_tells_each_kind_on_its_line() -> None:
    """Stories, topics, spikes and up to three highlights, in this order."""
    told = content(
        stories=[("Launch Buzz", 1200), ("Sizing", 1), ("c", 1), ("d", 1)],
        topics=["launch", "sizing"],
        flagged=["Launch Buzz"],
        surge="4 times as many mentions as usual",
        highlights=["one", "two", "one", "three", "four"],
    )
    assert compose(told).split("\n") == [
        "Notable mentions: Launch Buzz (1,200 mentions), Sizing (1 mention), c (1 mention)",
        "Key topics: launch, sizing",
        "Spikes: 4 times as many mentions as usual, Launch Buzz",
        "Highlight: one",
        "Highlight: two",
        "Highlight: three",
    ]


def test_compose_leaves_out_what_is_empty() -> None:
    """A line without content is not there; a label of blanks is no content."""
    assert compose(content(topics=["launch"], stories=[("  ", 3)])) == "Key topics: launch"


def test_compose_does_not_contradict_the_totals() -> None:
    """Mentions without a story are told, whether there are others or not; a label that is no name is no story."""
    assert compose(content(mentions=1, in_no_story=1)) == "1 mention, no stories"
    told = compose(content(stories=[("-1_the_to", 9), ("Sizing", 3)], mentions=1012, in_no_story=1009)).split("\n")
    assert told == ["Notable mentions: Sizing (3 mentions)", "In no story: 1,009 of 1,012 mentions (100 %)"]
    told = compose(content(stories=[("Sizing", 999)], mentions=1000, in_no_story=1)).split("\n")
    assert told[1] == "In no story: 1 of 1,000 mentions (less than 1 %)"


def test_compose_tells_a_highlight_once() -> None:
    """In the first of its spellings."""
    assert compose(content(highlights=["Late flights.", "late flights"])) == "Highlight: Late flights."


def test_compose_says_when_there_is_nothing() -> None:
    """An empty window has a text, too."""
    assert compose(content()) == "No mentions in this window."


def test_compose_keeps_foreign_line_breaks_out() -> None:
    """Text of workers cannot forge a line."""
    told = compose(content(stories=[("a\nKey topics: forged", 1)], highlights=["x\r\ny\u2028z"]))
    assert told == "Notable mentions: a Key topics: forged (1 mention)\nHighlight: x y z"
