"""How ``orchestrator rebuild`` tells what came of brands: a table, remarks, and a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orchestrator.cli.terminal import counted, make_table, plain, remark, show_page
from orchestrator.contract.times import iso_utc_seconds

SHOWN: Final = 50
"""Brands in the table; the document has all."""


def show_table(outcomes: Sequence[Any]) -> None:
    """What readers see, before and after: those that change most come first."""
    compared = [outcome for outcome in outcomes if outcome.compared is not None]
    if not compared:
        return
    compared.sort(key=lambda outcome: (-outcome.compared.seen, outcome.brand))
    numbers = ("Folded", "Chunks", "Mentions", "Stories", "Largest", "Topics", "Differences")
    table = make_table("Brand", *numbers, "", right=numbers)
    for outcome in compared[:SHOWN]:
        before, after = outcome.compared.before, outcome.compared.after
        pairs = ((getattr(before, name), getattr(after, name)) for name in ("chunks", "mentions", "stories"))
        changes = [*pairs, (before.largest[1], after.largest[1]), (before.topics, after.topics)]
        more = "+" if outcome.compared.more else ""
        cells = [
            f"{outcome.rebuilt.items:,}",
            *(_change(*pair) for pair in changes),
            f"{outcome.compared.seen:,}{more}",
        ]
        table.add_row(plain(outcome.brand), *map(plain, cells), plain(_state(outcome)))
    show_page(table)
    if len(compared) > SHOWN:
        remark(f"{len(compared) - SHOWN} brands more: --json tells all.")


def _change(before: int, after: int) -> str:
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _state(outcome: Any) -> str:
    if outcome.fault:
        return "failed"
    if outcome.swapped is not None:
        return f"in place, version {outcome.swapped.version:,}"
    return outcome.told or ("the same" if outcome.compared.same else "")


def remark_all(outcomes: Sequence[Any]) -> None:
    """What the table cannot say."""
    rebuilt = [outcome.rebuilt for outcome in outcomes if outcome.rebuilt is not None]
    based = [one for one in rebuilt if one.base_cid]
    for one in based[:SHOWN]:
        remark(
            f"{one.brand}: the fold begins with the state of {iso_utc_seconds(one.base_ms)}; what was counted before"
            " stays as it was folded then."
        )
    for one in rebuilt[:SHOWN]:
        if one.parted:
            first = one.shown[0]
            where = f"commit {first.cid}, item {first.place}: {first.told} then, {first.found} now"
            remark(f"{one.brand}: {counted(one.parted, 'item')} went another way than the records say; {where}.")
    twins = sum(one.kernel != "cython" for one in rebuilt)
    if twins:
        remark(f"Folded without the compiled kernels, which takes many times as long: {counted(twins, 'brand')}.")


def told(outcome: Any) -> dict[str, Any]:
    """All of it, for programs."""
    compared = outcome.compared
    found: dict[str, Any] = {"brand": outcome.brand, "fault": outcome.fault or None, "told": outcome.told or None}
    found["rebuilt"] = msgspec.to_builtins(outcome.rebuilt)
    found["swapped"] = msgspec.to_builtins(outcome.swapped)
    if compared is not None:
        found |= {"before": _seen(compared.before), "after": _seen(compared.after), "seen": compared.seen}
        found["differences"] = [difference._asdict() for difference in compared.differences]
        found["moreDifferences"] = compared.more
    return found


def _seen(seen: Any) -> dict[str, Any]:
    label, mentions = seen.largest
    return {
        "chunks": seen.chunks,
        "mentions": seen.mentions,
        "stories": seen.stories,
        "topics": seen.topics,
        "largestStory": {"label": label, "mentions": mentions},
    }
