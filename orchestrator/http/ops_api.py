"""What operators see and do, for programs: ``/v1/ops``.

Who may read reads; to act takes an operator's token as Bearer, which no page of others can make a browser send. The
session of the operators' pages counts for nothing here, so there is no form token either.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
from quart import Blueprint, Response, request

from orchestrator.contract.depth import TOO_DEEP, too_deep
from orchestrator.contract.history import MINUTE_MS, Period
from orchestrator.contract.letters import LetterError, group_name
from orchestrator.contract.process_orders import Wanted
from orchestrator.contract.times import iso_utc
from orchestrator.fleet.parking import remedy
from orchestrator.fleet.view import Standing, by_urgency
from orchestrator.http.answers import JSON_TYPE, exact_brand, json_response, may_act, one_of, service, whole_number
from orchestrator.http.ops_documents import (
    PAYLOAD_CHARS,
    AlertRoute,
    AuditDocument,
    BrandActDocument,
    BrandRequest,
    DeadLetterDocument,
    FleetBrand,
    FleetConflicts,
    FleetObedience,
    FleetOrder,
    FleetParked,
    FleetPaused,
    FleetProcess,
    FleetRates,
    HistoryDocument,
    HistoryStep,
    LetterGroup,
    LettersDocument,
    LettersRequest,
    MovedDocument,
    OpsDocument,
    OrderedDocument,
    OrderedProcess,
    ProcessRequest,
)
from orchestrator.http.ops_orders import FILTERS, order_of, refused, selection_of, signature
from orchestrator.http.ops_pages import act_on_brand, move, operator, order_processes, said_of_processes
from orchestrator.http.ops_view import shown
from orchestrator.http.parameters import takes
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.alert_routes import RouteState, RouteStates
    from orchestrator.contract.letters import Letter
    from orchestrator.fleet.members import Member
    from orchestrator.fleet.view import BrandStatus, FleetView
    from orchestrator.letters import Tally

R = TypeVar("R", bound=msgspec.Struct)

MAX_BRANDS = 1_000
MAX_GROUPS = 1_000
DEFAULT_LETTERS, MAX_LETTERS = 20, 100
DEFAULT_ACTS, MAX_ACTS = 100, 1_000

blueprint = Blueprint("ops_api", __name__, url_prefix="/v1/ops")


@blueprint.after_request
async def _keep_apart(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("")
async def picture() -> Response:
    """All processes and brands at one moment."""
    return json_response(_picture(await operator().fleet(), service().statistics().alert_routes))


@blueprint.get("/letters")
@takes("brand", "limit", "writer", *FILTERS)
async def letters() -> Response:
    """Dead letters by what they have in common; of one brand also the newest ones, or those that are meant."""
    limit = whole_number("limit", DEFAULT_LETTERS, 1, MAX_LETTERS)
    name = request.args.get("brand")
    brand = None if name is None else exact_brand(name)
    meant = selection_of(request.args)
    if brand is None and any(request.args.get(each) for each in ("writer", *FILTERS)):
        raise refused("A filter needs a brand.")
    grouped = await operator().groups(brand)
    newest: Sequence[Letter] = ()
    if brand is not None:
        newest = (await operator().letters(brand, meant, limit)).letters
    return json_response(
        LettersDocument(
            groups=_groups(grouped.tally), read=grouped.read, total=grouped.total, letters=list(map(_letter, newest))
        )
    )


@blueprint.get("/history")
@takes("period")
async def history() -> Response:
    """The minutes of the last day, or the hours of a week or a month."""
    period = Period(one_of("period", Period.DAY, list(Period)))
    steps = [
        HistoryStep(
            at=iso_utc(one.minute * MINUTE_MS),
            chunks=one.chunks,
            oldest_seconds=one.oldest_s,
            rate=one.rate,
            dead_letters=one.dead_letters,
        )
        for one in await operator().history(period)
    ]
    return json_response(HistoryDocument(period=period, step_seconds=60 * period.step_minutes, steps=steps))


@blueprint.get("/audit")
@takes("limit")
async def audit() -> Response:
    """What was asked for, the newest first."""
    limit = whole_number("limit", DEFAULT_ACTS, 1, MAX_ACTS)
    return json_response(AuditDocument(acts=list(await operator().acts(limit))))


@blueprint.post("/letters")
async def act_on_letters() -> Response:
    """Send dead letters again or remove them, or say what that would do."""
    wanted = await _asked(LettersRequest)
    values = {name: str(value) for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    brand, order = order_of(values | {"all": "yes" if wanted.all else ""}, _by(wanted.by))
    view = operator()
    found = await view.look(brand, order) if wanted.dry_run else await move(view, brand, order, wanted.expected)
    return json_response(
        MovedDocument(
            action=wanted.action,
            dry_run=wanted.dry_run,
            selected=found.tally.total,
            moved=found.moved,
            gone=found.gone,
            refused=found.refused,
            left=found.left,
            groups=_groups(found.tally),
        )
    )


@blueprint.post("/brands")
async def act_on_brands() -> Response:
    """Pause a brand, let it go on, take it from who holds it, or remove it."""
    wanted = await _asked(BrandRequest)
    values = {
        "reason": wanted.reason,
        "hours": "" if wanted.hours is None else repr(wanted.hours),
        "holder": wanted.holder,
        "queue": "yes" if wanted.queue else "",
        "letters": "yes" if wanted.letters else "",
    }
    brand = exact_brand(wanted.brand)
    told = await act_on_brand(operator(), wanted.action, brand, _by(wanted.by), values)
    return json_response(BrandActDocument(brand=brand, action=wanted.action, told=told))


@blueprint.post("/processes")
async def act_on_processes() -> Response:
    """Let a process, or all, take no more brands or take them again, end, or work with other lanes."""
    wanted = await _asked(ProcessRequest)
    if (wanted.process is None) != wanted.all:
        raise refused("Say which process is meant: either process, or all=true.")
    if wanted.lanes is not None and wanted.action is not Wanted.LANES:
        raise refused("lanes belongs to the action lanes.")
    ordered = await order_processes(operator(), wanted.process, wanted.action, _by(wanted.by), wanted.lanes)
    return json_response(
        OrderedDocument(
            action=wanted.action.value,
            processes=[OrderedProcess(id=member.id, name=member.name) for member in ordered],
            told=said_of_processes(ordered, wanted.action, wanted.lanes),
        )
    )


async def _asked(kind: type[R]) -> R:
    """The body of a request that acts.

    Raises:
        ProblemError: it may not act (403), or its body is not what it should be (400, 415).
    """
    if not may_act():
        raise ProblemError(HTTPStatus.FORBIDDEN, "Acting needs a token of HTTP_OPERATOR_TOKEN_FILE, as Bearer.")
    if request.mimetype != JSON_TYPE:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {JSON_TYPE}.")
    body = cast("bytes", await request.get_data())
    if too_deep(body):
        raise refused(f"The body is {TOO_DEEP}.")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refused(f"The body is not what it should be: {error}.") from None


def _by(who: str) -> str:
    return signature(who, "API", request.remote_addr or "")


def _picture(fleet: FleetView, routes: RouteStates | None) -> OpsDocument:
    conflicting = {brand.brand for brand in fleet.conflicting}
    wanted = by_urgency(
        brand
        for brand in fleet.brands
        if brand.standing is not Standing.IDLE or brand.failed or brand.brand in conflicting
    )
    rates = fleet.rates
    return OpsDocument(
        as_of=iso_utc(fleet.as_of_ms),
        chunks=fleet.chunks,
        brands_waiting=fleet.brands_with_chunks,
        oldest_seconds=fleet.oldest_s,
        dead_letters=fleet.dead_letters,
        rates=FleetRates(
            chunks=rates.chunks,
            mentions=rates.mentions,
            brands=rates.brands,
            duplicates=rates.duplicates,
            dead_letters=rates.dead_letters,
        ),
        processes=list(map(_process, fleet.members)),
        brands=list(map(_brand, wanted[:MAX_BRANDS])),
        brands_hidden=max(0, len(wanted) - MAX_BRANDS),
        alert_routes=None if routes is None else [_route(state, counted=routes.counted) for state in routes.routes],
        alert_routes_problem="" if routes is None else shown(routes.problem),
    )


def _route(state: RouteState, *, counted: bool) -> AlertRoute:
    return AlertRoute(
        name=state.name,
        address=shown(state.address),
        chooses=shown(state.chooses),
        quiet_until=_time(state.quiet_until_ms),
        digest_seconds=state.digest_ms / 1000,
        waiting=state.waiting if counted else None,
        oldest_due_at=_time(state.oldest_ms),
        kept=state.kept if counted else None,
        next_due_at=_time(state.next_ms),
        delivered_at=_time(state.delivered_ms),
        trouble=shown(state.trouble),
        trouble_since=_time(state.trouble_since_ms),
    )


def _process(member: Member) -> FleetProcess:
    return FleetProcess(
        id=member.id,
        name=member.name,
        version=member.version,
        lanes=member.lanes,
        active=member.active,
        since=_time(member.since_ms) or "",
        age_seconds=member.age_ms / 1000,
        chunks_per_second=None if member.rates is None else member.rates.chunks,
        memory_bytes=None if member.load is None else member.load.memory_bytes,
        orders=_obedience(member),
    )


def _obedience(member: Member) -> FleetObedience | None:
    obeyed = member.obedience
    if obeyed is None:
        return None
    return FleetObedience(
        quiet_since=_time(obeyed.quiet_since_ms),
        stopping=obeyed.stopping,
        by=_text(obeyed.by),
        lanes_by_setting=obeyed.setting,
        not_heard=[
            FleetOrder(wanted=order.wanted, lanes=order.lanes, at=_time(order.at_ms), by=_text(order.by))
            for order in member.asked
        ],
    )


def _brand(brand: BrandStatus) -> FleetBrand:
    holder, parked, paused = brand.holder, brand.parked, brand.paused
    newest = brand.newest_conflict if brand.conflicts else None
    return FleetBrand(
        brand=brand.brand,
        standing=brand.standing.value,
        chunks=brand.queued,
        dead_letters=brand.failed,
        spiking=brand.spiking,
        own_settings=dict(brand.own),
        holder=None if holder is None else str(holder),
        held_since=None if holder is None else _time(holder.since_ms),
        parked=None
        if parked is None
        else FleetParked(
            code=parked.code.value,
            reason=parked.reason,
            remedy=remedy(parked.code, brand.brand),
            since=_time(parked.since_ms),
        ),
        conflicts=None
        if newest is None
        else FleetConflicts(
            chunks=brand.conflicts, newest_chunk_id=_text(newest.chunk_id), newest_at=_time(newest.at_ms)
        ),
        paused=None
        if paused is None
        else FleetPaused(
            reason=paused.reason, by=paused.by, since=_time(paused.since_ms), until=_time(paused.until_ms)
        ),
    )


def _groups(tally: Tally) -> list[LetterGroup]:
    return [
        LetterGroup(
            brand=group.brand,
            writer=group.writer.value,
            group=group_name(group.writer, group.reason, group.path),
            reason=_text(group.reason),
            path=_text(group.path),
            letters=letters,
        )
        for group, letters in tally.groups.most_common(MAX_GROUPS)
    ]


def _letter(letter: Letter) -> DeadLetterDocument:
    try:
        payload = letter.payload()
    except LetterError:
        payload = letter.raw
    return DeadLetterDocument(
        index=letter.index,
        writer=letter.writer.value,
        group=letter.group_name,
        reason=_text(letter.group[0]),
        path=_text(letter.text("path")[:PAYLOAD_CHARS]),
        received_at=_time(letter.at_ms),
        payload=payload[: 4 * PAYLOAD_CHARS].decode(errors="backslashreplace")[:PAYLOAD_CHARS],
        payload_bytes=len(payload),
    )


def _text(text: str) -> str:
    """*text* as JSON can hold it: a half of a surrogate pair is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _time(at_ms: int | None) -> str | None:
    try:
        return iso_utc(at_ms) if at_ms else None
    except (OverflowError, ValueError):  # of an untrusted clock
        return None
