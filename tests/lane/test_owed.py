"""What is owed to readers: changes add up, and whatever is lost on the way, in the end they see what was committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lane.owed import MOST_BYTES, Owed
from orchestrator.store.codes import Code
from orchestrator.store.projections import NOWHERE, Answer, Part, Position, Projection, Shown
from orchestrator.store.types import Commit

RECENT = 3
EPOCH = 7


@dataclass
class Readers:
    """What project does, in a few lines: values and guards by part."""

    values: dict[Part, list[bytes] | dict[bytes, bytes]] = field(default_factory=dict)
    guards: dict[Part, Position] = field(default_factory=dict)

    def take(self, one: Projection) -> Answer:
        """Carry *one* out."""
        shown = self.guards.get(one.part, NOWHERE)
        if shown >= one.position:
            return Answer(Code.OLD, shown)
        if one.base is not None and (shown != one.base or not self.values.get(one.part)):
            return Answer(Code.BEHIND, shown)
        self.guards[one.part] = one.position
        if one.part is Part.TREND:
            before: Any = self.values.get(one.part, {}) if one.base is not None else {}
            left = {name: value for name, value in before.items() if name not in one.removed}
            self.values[one.part] = left | dict(zip(one.values[::2], one.values[1::2], strict=True))
        else:
            kept: Any = self.values.get(one.part, []) if one.base is not None else []
            most = RECENT if one.part is Part.RECENT else 100
            self.values[one.part] = [*kept, *one.values][-most:]
        return Answer(Code.OK)


@dataclass
class Shadows:
    """What commits leave."""

    values: dict[Part, Any] = field(
        default_factory=lambda: {part: {} if part is Part.TREND else [] for part in Part if part is not Part.SUMMARY}
    )

    def commit(self, commit: Commit) -> None:
        """As commit.lua writes them."""
        for name in commit.trend_remove:
            self.values[Part.TREND].pop(name, None)
        self.values[Part.TREND].update(commit.trend_put)
        self.values[Part.RECENT] = [*self.values[Part.RECENT], *commit.recent][-RECENT:]
        for part, entries in ((Part.SPIKE, commit.spikes), (Part.MOOD, commit.moods), (Part.STORIES, commit.stories)):
            if entries is not None:
                self.values[part] = list(entries)

    def whole(self, parts: set[Part]) -> Mapping[Part, Sequence[bytes]]:
        """As they are read."""
        flat = [text for pair in self.values[Part.TREND].items() for text in pair]
        return {part: flat if part is Part.TREND else list(self.values[part]) for part in parts}


def commit(version: int, **changes: Any) -> Commit:
    """One that changes that."""
    return Commit(f"cid-{version}", "", version, **changes)


def owed_after(*commits: Commit, known: bool = True) -> Owed:
    """What is owed after *commits*; where the lineage is *known*, all of version 0 is shown."""
    owed = Owed(RECENT)
    if known:
        start = Position(EPOCH, 1)
        owed.committed(commit(1, summary=b"{}"), EPOCH, 1_000)
        for one in owed.projections(dict.fromkeys(Part, ())):
            owed.answered(one, Answer(Code.OK))
        assert {shown.position for shown in owed.shown.values()} == {start}
    for each in commits:
        owed.committed(each, EPOCH, 1_000 + each.version)
    return owed


def of(owed: Owed, part: Part, found: Mapping[Part, Sequence[bytes]] | None = None) -> Projection | None:
    """What is to be sent of *part*."""
    return next((one for one in owed.projections(found or {}) if one.part is part), None)


FIELDS = st.sampled_from([b"a", b"b", b"c"])
VALUES = st.sampled_from([b"1", b"2", b"3"])
LISTS = st.none() | st.lists(VALUES, max_size=2)
CHANGES = st.fixed_dictionaries(
    {
        "trend_put": st.dictionaries(FIELDS, VALUES, max_size=2),
        "trend_remove": st.lists(FIELDS, max_size=2),
        "recent": st.lists(VALUES, max_size=4),
        "spikes": LISTS,
        "moods": LISTS,
        "stories": LISTS,
        "summary": st.none() | VALUES,
    }
)
FATES = st.sampled_from(["arrives", "is lost", "answer is lost"])


@given(st.lists(st.tuples(CHANGES, st.none() | st.lists(FATES, min_size=1, max_size=6)), min_size=1, max_size=12))
def test_whatever_is_lost_readers_see_in_the_end_what_was_committed(
    turns: list[tuple[dict[str, Any], list[str] | None]],
) -> None:
    """Each turn is a commit, and perhaps a try to show what is owed, in which each projection has a fate of its own."""
    owed, readers, shadows = Owed(RECENT), Readers(), Shadows()

    def send(fates: list[str]) -> None:
        found = shadows.whole(set(owed.whole))
        for index, one in enumerate(owed.projections(found)):
            fate = fates[index % len(fates)]
            answer = Answer(None) if fate == "is lost" else readers.take(one)
            owed.answered(one, answer if fate == "arrives" else Answer(None))

    for number, (changes, fates) in enumerate(turns, 1):
        made = commit(number, **changes)
        shadows.commit(made)
        owed.committed(made, EPOCH, number)
        if fates is not None:
            send(fates)
    summaries = [(number, changes["summary"]) for number, (changes, _) in enumerate(turns, 1) if changes["summary"]]
    send(["arrives"])
    send(["arrives"])  # what was behind, whole
    assert not owed.pending
    assert {part: readers.values[part] for part in shadows.values} == shadows.values
    assert owed.shown.keys() == readers.guards.keys()
    assert {part: shown.position for part, shown in owed.shown.items()} == readers.guards
    if summaries:
        number, text = summaries[-1]
        assert (readers.values[Part.SUMMARY], readers.guards[Part.SUMMARY]) == ([text], Position(EPOCH, number))


def test_a_new_lineage_is_owed_whole() -> None:
    """Schedule 12: nobody knows what the guards of an earlier lease lie on."""
    owed = owed_after(commit(2, trend_put={b"a": b"1"}, recent=[b"r"], spikes=[b"s"]), known=False)
    assert owed.projections({}) == []
    assert owed.whole == set(Part) - {Part.SUMMARY}
    assert owed.pending
    assert not owed.complete
    whole = of(owed, Part.TREND, {Part.TREND: [b"a", b"1"]})
    assert whole == Projection(Part.TREND, Position(EPOCH, 2), [b"a", b"1"])


def test_changes_of_commits_add_up() -> None:
    """In their order: what one takes out and a later one puts in is there, and the other way round."""
    owed = owed_after(
        commit(2, trend_put={b"a": b"1", b"b": b"1"}, recent=[b"x", b"y"], moods=[b"old"]),
        commit(3, trend_remove=[b"a", b"c"], trend_put={b"b": b"2"}, recent=[b"z", b"u"], moods=[b"new"]),
        commit(4, trend_put={b"c": b"3"}),
    )
    base = Position(EPOCH, 1)
    now = Position(EPOCH, 4)
    assert of(owed, Part.TREND) == Projection(Part.TREND, now, [b"b", b"2", b"c", b"3"], [b"a"], base)
    assert of(owed, Part.RECENT) == Projection(Part.RECENT, now, [b"y", b"z", b"u"], (), base)
    assert of(owed, Part.MOOD) == Projection(Part.MOOD, now, [b"new"])
    assert of(owed, Part.SPIKE) is None


def test_a_summary_is_shown_as_of_its_own_commit() -> None:
    """A later commit without one does not make it a later one."""
    owed = owed_after(commit(2, summary=b"s2"), commit(3))
    one = of(owed, Part.SUMMARY)
    assert one == Projection(Part.SUMMARY, Position(EPOCH, 2), [b"s2"])
    owed.answered(one, Answer(Code.OK))
    assert owed.shown[Part.SUMMARY] == Shown(Position(EPOCH, 2), 1_002)
    assert not owed.summarised


def test_what_was_carried_out_without_an_answer_is_old_and_well() -> None:
    """Schedule 2."""
    owed = owed_after(commit(2, trend_put={b"a": b"1"}))
    one = of(owed, Part.TREND)
    assert one is not None
    pending = []
    for answer in (Answer(None), Answer(Code.OLD, one.position)):
        owed.answered(one, answer)
        pending.append(owed.pending)
    assert (pending, owed.outrun) == ([True, False], 0)


def test_what_a_later_lease_shows_is_owed_still() -> None:
    """Whether that lease is somebody else's or was forgotten, this one has shown nothing."""
    owed = owed_after(commit(2, summary=b"s"))
    one = of(owed, Part.SUMMARY)
    assert one is not None
    owed.answered(one, Answer(Code.OLD, Position(EPOCH + 2, 1)))
    assert owed.pending
    assert owed.outrun == EPOCH + 2


def test_what_finds_another_base_is_owed_whole() -> None:
    """Schedule 3; the other parts are not."""
    owed = owed_after(commit(2, trend_put={b"a": b"1"}, recent=[b"r"]))
    one = of(owed, Part.TREND)
    assert one is not None
    owed.answered(one, Answer(Code.BEHIND, NOWHERE))
    assert owed.whole == {Part.TREND}
    owed.committed(commit(3, trend_put={b"b": b"1"}), EPOCH, 3)
    assert of(owed, Part.TREND) is None
    assert of(owed, Part.RECENT) is not None


@pytest.mark.parametrize("part", ["trend_put", "spikes", "recent", "trend_remove"])
def test_what_adds_up_to_too_much_is_read_again(part: str) -> None:
    """Memory is bounded, however long readers' servers are away."""
    large = b"x" * (MOST_BYTES + 1)
    changes: dict[str, Any] = {
        "trend_put": {b"a": large},
        "spikes": [large],
        "recent": [large],
        "trend_remove": [large],
    }
    owed = owed_after(commit(2, **{part: changes[part]}))
    assert owed.held_bytes < 1_000
    assert owed.whole == set(Part) - {Part.SUMMARY}


def test_what_is_held_is_told() -> None:
    """For the bound on warm states."""
    owed = owed_after(commit(2, summary=b"12345", spikes=[b"678"], trend_put={b"9": b"0"}))
    assert owed.held_bytes == 10


def test_all_can_be_owed_anew() -> None:
    """A part that readers may have lost is sent whole."""
    owed = owed_after(commit(2, trend_put={b"a": b"1"}, summary=b"s"))
    owed.forget()
    assert owed.whole == set(Part) - {Part.SUMMARY}
    assert owed.summarised
