"""The documents of the operators' API: answers and bodies are of these types, and the OpenAPI document is made of them.

Times are ISO 8601 in UTC, durations seconds.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from orchestrator.contract.acts import Act
from orchestrator.contract.history import Period
from orchestrator.contract.process_orders import MAX_LANES, Wanted
from orchestrator.http.ops_orders import MAX_HOURS, MAX_INDEX, MAX_TEXT_CHARS

PAYLOAD_CHARS: Final = 4_096

Number = Annotated[int, msgspec.Meta(ge=0)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_CHARS)]


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of what is answered."""


class FleetRates(Document, frozen=True):
    """What all processes do a second."""

    chunks: float
    mentions: float
    brands: float
    duplicates: float
    dead_letters: float


class FleetOrder(Document, frozen=True):
    """An order that its process has not heard yet."""

    wanted: Wanted
    lanes: int | None
    at: str | None
    by: str


class FleetObedience(Document, frozen=True):
    """How a process stands to what operators ordered.

    Attributes:
        quiet_since: since when it takes no more brands; null: it takes them.
        stopping: whether it was ordered to end, and does.
        by: who gave the order that holds.
        lanes_by_setting: it may have others by order.
        not_heard: orders that it has not heard yet; it hears them within 5 s.
    """

    quiet_since: str | None
    stopping: bool
    by: str
    lanes_by_setting: int
    not_heard: list[FleetOrder]


class FleetProcess(Document, frozen=True):
    """One process that lives.

    Attributes:
        orders: how it stands to orders; null: it is of a version that takes none.
        age_seconds: how long ago it last said something.
        chunks_per_second: None from a version that does not tell; likewise ``memoryBytes``.
    """

    id: str
    name: str
    version: str
    lanes: int
    active: int
    since: str
    age_seconds: float
    chunks_per_second: float | None
    memory_bytes: int | None
    orders: FleetObedience | None


class FleetParked(Document, frozen=True):
    """Why a brand is left alone or fails, and what helps."""

    code: str
    reason: str
    remedy: str
    since: str | None


class FleetPaused(Document, frozen=True):
    """That an operator wants a brand left alone."""

    reason: str
    by: str
    since: str | None
    until: str | None


class FleetConflicts(Document, frozen=True):
    """Chunks that had the chunkId of one that was counted, and other numbers; they did not count.

    Attributes:
        chunks: how many, so far.
        newest_chunk_id: at most 128 characters of it.
    """

    chunks: int
    newest_chunk_id: str
    newest_at: str | None


class FleetBrand(Document, frozen=True):
    """One brand that is not idle; numbers are null where a key cannot be read.

    Attributes:
        holder: ``ORCHESTRATOR_ID``, or name, of who holds its lease.
        held_since: since when, if that is known.
        conflicts: null if there were none.
        own_settings: of the rules, by name, with which the brand is folded instead of the processes'.
    """

    brand: str
    standing: str
    chunks: int | None
    dead_letters: int | None
    spiking: bool
    holder: str | None
    held_since: str | None
    parked: FleetParked | None
    paused: FleetPaused | None
    conflicts: FleetConflicts | None
    own_settings: dict[str, int | float]


class AlertRoute(Document, frozen=True):
    """One route of alerts, as the process that answers knows it; numbers are null before its first look.

    Attributes:
        address: where it leads, the server alone.
        chooses: which alerts it tells and when, in words.
        quiet_until: when the quiet hours that it is in are over; null: it is in none.
        digest_seconds: it tells alerts together, once in so long; 0: each by itself.
        waiting: alerts that should have been told by now, the oldest since ``oldestDueAt``.
        kept: alerts that wait for the end of quiet hours or the next digest, the first for ``nextDueAt``.
        delivered_at: when its endpoint last took a message of this process.
        trouble: why its endpoint did not take the last message; empty: it did, or there was none.
        trouble_since: since when it has taken none.
    """

    name: str
    address: str
    chooses: str
    quiet_until: str | None
    digest_seconds: float
    waiting: int | None
    oldest_due_at: str | None
    kept: int | None
    next_due_at: str | None
    delivered_at: str | None
    trouble: str
    trouble_since: str | None


class OpsDocument(Document, frozen=True):
    """All processes and brands at one moment.

    Attributes:
        alert_routes: in the order of their file; null: this process tells nobody of alerts.
        alert_routes_problem: why the file of routes that is there now is not in force; empty: it is.
        oldest_seconds: for how long the brand that waits longest has seen no commit; null if no process tells.
        brands: those that are not idle, or have dead letters or conflicts of the last day, the longest queues first,
            at most 1,000.
        brands_hidden: how many more there are.
    """

    as_of: str
    chunks: int
    brands_waiting: int
    oldest_seconds: float | None
    dead_letters: int
    rates: FleetRates
    processes: list[FleetProcess]
    brands: list[FleetBrand]
    brands_hidden: int
    alert_routes: list[AlertRoute] | None
    alert_routes_problem: str


class LetterGroup(Document, frozen=True):
    """Dead letters that have brand, writer, reason and path in common; ``group`` names them in an order."""

    brand: str
    writer: str
    group: str
    reason: str
    path: str
    letters: int


class DeadLetterDocument(Document, frozen=True):
    """One dead letter; of its payload at most 4,096 characters, bytes that are no text escaped."""

    index: int
    writer: str
    group: str
    reason: str
    path: str
    received_at: str | None
    payload: str
    payload_bytes: int


class LettersDocument(Document, frozen=True):
    """Dead letters by what they have in common, and the newest ones of the brand that was asked for.

    Attributes:
        read: letters that are in the groups.
        total: letters that there are; more than *read* where there was no time for all.
    """

    groups: list[LetterGroup]
    read: int
    total: int
    letters: list[DeadLetterDocument]


class MovedDocument(Document, frozen=True):
    """What an order did, or would do.

    Attributes:
        selected: letters that are meant and can be moved.
        moved: letters that were moved.
        gone: letters that somebody else had taken.
        refused: letters that are meant and cannot be sent; they stay.
        left: letters that there was no time for; the same order does them.
        groups: the selected letters.
    """

    action: str
    dry_run: bool
    selected: int
    moved: int
    gone: int
    refused: int
    left: int
    groups: list[LetterGroup]


class BrandActDocument(Document, frozen=True):
    """What was done to a brand, in words."""

    brand: str
    action: str
    told: str


class OrderedProcess(Document, frozen=True):
    """One process that was ordered."""

    id: str
    name: str


class OrderedDocument(Document, frozen=True):
    """Which processes were ordered, and in words what. Each hears it within 5 s; the picture says when it has."""

    action: str
    processes: list[OrderedProcess]
    told: str


class AuditDocument(Document, frozen=True):
    """What was asked for, the newest first."""

    acts: list[Act]


class HistoryStep(Document, frozen=True):
    """One minute or hour, by its beginning; null: nobody could tell. The rate is chunks a second, on average.

    Of an hour the other numbers are the greatest of its minutes.
    """

    at: str
    chunks: int | None
    oldest_seconds: float | None
    rate: float | None
    dead_letters: int | None


class HistoryDocument(Document, frozen=True):
    """The minutes of the last day, or the hours of a week or a month, the oldest first; what nobody wrote is a gap.

    Attributes:
        step_seconds: from one to the next, 60 or 3,600.
    """

    period: Period
    step_seconds: int
    steps: list[HistoryStep]


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of what is asked for; ``by`` says who asks, for the audit list."""

    by: Annotated[str, msgspec.Meta(max_length=64)] = ""


class LettersRequest(Request, frozen=True):
    """What is to become of which dead letters.

    One of the filters, or ``all``, has to say which are meant. ``expected``: if more are meant by then, nothing is
    done and the answer is 409. Letters of workers hold a worker's input and go to the workers' queue; letters of other
    shapes can only be dropped; both are meant only where ``writer`` says so.
    """

    action: Literal["retry", "drop"]
    brand: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    all: bool = False
    writer: Literal["orchestrator", "worker", "other"] = "orchestrator"
    group: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")] | None = None
    index: Annotated[int, msgspec.Meta(ge=0, le=MAX_INDEX)] | None = None
    reason: Text | None = None
    path: Text | None = None
    grep: Text | None = None
    since: Text | None = None
    until: Text | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_INDEX)] | None = None
    expected: Annotated[int, msgspec.Meta(ge=0, le=MAX_INDEX)] | None = None
    dry_run: bool = False


class BrandRequest(Request, frozen=True):
    """What is to become of a brand; ``hours``: the pause ends by itself after so many.

    A break takes the brand from ``holder``, as the picture names it; from anybody else it takes nothing and the answer
    is 409. What the holder had in hand is in the queue, and counts once.

    A purge takes the brand out of the registry and removes all that is kept of it for good: ``queue`` and ``letters``
    say whether what waits and what failed go, too.
    """

    action: Literal["pause", "resume", "break", "purge"]
    brand: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    reason: Text = ""
    hours: Annotated[float, msgspec.Meta(gt=0, le=MAX_HOURS)] | None = None
    holder: Text = ""
    queue: bool = False
    letters: bool = False


class ProcessRequest(Request, frozen=True):
    """What a process is to do: take no more brands (quiet), take them again, end as at SIGTERM, have other lanes.

    ``process`` is its name, or its id where no other process has the same one; without it ``all`` has to say that all
    are meant. ``lanes``: how many; null: as many as its settings say. It holds until the process ends. What restarts
    processes may start one again that was stopped.
    """

    action: Wanted
    process: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    all: bool = False
    lanes: Annotated[int, msgspec.Meta(ge=1, le=MAX_LANES)] | None = None
