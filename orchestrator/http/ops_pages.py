"""The operators' pages: what waits, what failed, who works, what was done; and, for who is signed in, what to do.

Everything works without script: links show first what would be done, forms do it and lead back. Who may only read sees
the same without forms.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio
from quart import Blueprint, Response, current_app, g, redirect, render_template, request

from orchestrator.contract.history import Period
from orchestrator.contract.letters import Selection
from orchestrator.contract.own_settings import told
from orchestrator.contract.process_orders import MAX_LANES, ProcessOrder, Wanted
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import PauseError, ProcessChoiceError, ProcessUnknownError, StoreError, TooManyLettersError
from orchestrator.fleet.ordering import STOPPING, asked
from orchestrator.fleet.words import CONFLICTS_HELP, conflicts
from orchestrator.http.answers import exact_brand, one_of, service
from orchestrator.http.ops_orders import (
    HOUR_MS,
    brand_of,
    order_of,
    pause_ms,
    refused,
    signature,
    whole,
)
from orchestrator.http.ops_view import (
    act_rows,
    conflict_rows,
    group_rows,
    history_charts,
    letter_row,
    member_rows,
    orphan_rows,
    parked_rows,
    paused_rows,
    queue_rows,
    route_rows,
    shown,
    strip,
)
from orchestrator.http.parameters import takes
from orchestrator.http.problems import ProblemError, not_found
from orchestrator.http.sign_in import acting, begin, desk, forget, give, recognise, refuse_foreign_pages, session
from orchestrator.http.urls import ops_brand_url
from orchestrator.http.view import number
from orchestrator.store.members import BEAT_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.wrappers import Response as WerkzeugResponse

    from orchestrator.contract.acts import Act
    from orchestrator.contract.history import Step
    from orchestrator.fleet.members import Member
    from orchestrator.http.operator_view import Grouped, Moved, OperatorView
    from orchestrator.http.sessions import Session
    from orchestrator.letters import Order
    from orchestrator.store.purge import Purged

SHOWN_ACTS = 20
SHOWN_LETTERS = 20
MAX_LETTERS = 100_000_000
ORDER_FIELDS = ("action", "brand", "writer", "group", "index", "all")

blueprint = Blueprint("ops", __name__, url_prefix="/ops")


def operator() -> OperatorView:
    """What operators may ask of the service of the current application.

    Raises:
        ProblemError: this application has nothing for operators; 404.
    """
    view: OperatorView | None = current_app.extensions["operator"]
    if view is None:
        raise not_found("There is nothing for operators here.")
    return view


@blueprint.before_request
async def _recognise() -> None:
    await recognise()
    found, view = session(), current_app.extensions["operator"]
    if found is not None and view is not None and await _ended(view, found):
        forget()


async def _ended(view: OperatorView, found: Session) -> bool:
    """Whether *found* was ended, in whichever process; also while nobody can tell."""
    try:
        return await view.signed_out(found.nonce)
    except StoreError:
        return True


@blueprint.after_request
async def _keep_apart(response: Response) -> Response:
    if g.get("signed_out", False):
        give(response, "")  # also with the page of an error: the browser is to lose it whoever else was told
    # A browser says nothing of where a form comes from if it may send no referrer at all.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store, no-transform"  # by no proxy either: form tokens stand there
    return response


@dataclass(slots=True)
class _Parts:
    """What stands beside the picture of the fleet; None: Redis refused to read it, and the rest is shown without."""

    grouped: Grouped | None = None
    acts: Sequence[Act] | None = None
    history: Sequence[Step] | None = None


async def _parts(view: OperatorView, period: Period) -> _Parts:
    parts = _Parts()

    async def grouped() -> None:
        with suppress(StoreError):
            parts.grouped = await view.groups(None)

    async def acts() -> None:
        with suppress(StoreError):
            parts.acts = await view.acts(SHOWN_ACTS)

    async def history() -> None:
        with suppress(StoreError):
            parts.history = await view.history(period)

    async with trio.open_nursery() as nursery:
        for read in (grouped, acts, history):
            nursery.start_soon(read)
    return parts


def _unread(grouped: Grouped | None) -> str:
    """How many letters are in no group because there was no time to read them."""
    return number(grouped.total - grouped.read) if grouped is not None and grouped.total > grouped.read else ""


@blueprint.get("")
@takes("history")
async def overview() -> str:
    """All of it on one page, with the history of a day, a week or a month."""
    view, period = operator(), Period(one_of("history", Period.DAY, list(Period)))
    fleet = await view.fleet()
    parts = await _parts(view, period)
    queues, more_queues = queue_rows(fleet)
    orphans, more_orphans = orphan_rows(service().lag().orphans)
    statistics = service().statistics()
    states, archive = statistics.alert_routes, statistics.checks.get("archive")
    return await _page(
        "ops.html",
        strip=strip(fleet),
        queues=queues,
        more_queues=number(more_queues) if more_queues else "",
        orphans=orphans,
        more_orphans=number(more_orphans) if more_orphans else "",
        routes=route_rows(states, time.time_ns() // 1_000_000),
        routes_problem="" if states is None else shown(states.problem),
        archive=None if archive is None else shown(archive.inner or archive.detail),
        archive_bad=archive is not None and archive.status != "ok",
        parked=parked_rows(fleet),
        conflicts=conflict_rows(fleet),
        conflicts_help=CONFLICTS_HELP,
        paused=paused_rows(fleet),
        members=member_rows(fleet, fleet.members),
        groups=None if parts.grouped is None else group_rows(parts.grouped.tally),
        unread=_unread(parts.grouped),
        acts=None if parts.acts is None else act_rows(parts.acts),
        charts=None if parts.history is None else history_charts(parts.history, period),
        period=period.value,
        periods=[each.value for each in Period],
    )


@blueprint.get("/brand")
@takes("name")
async def brand() -> str:
    """One brand: how it stands, its dead letters with payloads, and what can be done."""
    name = exact_brand(request.args.get("name", ""))
    view = operator()
    fleet = await view.fleet()
    status = next((one for one in fleet.brands if one.brand == name), None)
    grouped = await view.groups(name)
    page = await view.letters(name, Selection(), SHOWN_LETTERS)
    return await _page(
        "ops_brand.html",
        brand=name,
        status=status,
        parked=next((row for row in parked_rows(fleet) if row.brand == name), None),
        paused=next((row for row in paused_rows(fleet) if row.brand == name), None),
        own="" if status is None else told(status.own),
        conflicts="" if status is None else shown(conflicts(status, fleet.as_of_ms)),
        conflicts_help=CONFLICTS_HELP,
        groups=group_rows(grouped.tally),
        unread=_unread(grouped),
        letters=[letter_row(letter) for letter in page.letters],
        total=number(page.total),
    )


@blueprint.get("/look")
@takes(*ORDER_FIELDS)
async def look() -> str:
    """What an order would do to dead letters, and the form that does it."""
    wanted, order = order_of(request.args, _by(session()))
    found = await operator().look(wanted, order)
    return await _page(
        "ops_look.html",
        brand=wanted,
        action=order.action.value,
        writer=order.wanted.writer.value if order.wanted.writer else "",
        total=found.tally.total,
        groups=group_rows(found.tally),
        refused=number(found.refused) if found.refused else "",
        told=[(shown(name), index, shown(why)) for name, index, why in found.told],
        fields={name: request.args[name] for name in ORDER_FIELDS if request.args.get(name)},
    )


@blueprint.post("/letters")
async def letters() -> WerkzeugResponse:
    """Send dead letters again, or remove them."""
    signed_in, form = await acting()
    wanted, order = order_of(form, _by(signed_in))
    most = whole("expected", form, 0, MAX_LETTERS)
    if most is None:
        raise refused("expected is missing: how many letters the page said.")
    moved = await move(operator(), wanted, order, most)
    _tell(signed_in, said(order, moved))
    return _back(wanted if form.get("back") == "brand" else None)


@blueprint.post("/brands")
async def brands() -> WerkzeugResponse:
    """Pause a brand, let it go on, take it from who holds it, or remove it."""
    signed_in, form = await acting()
    name = brand_of(form)
    if name is None:
        raise refused("brand is missing.")
    text = await act_on_brand(operator(), form.get("action", ""), name, _by(signed_in), form)
    _tell(signed_in, text)
    return _back(name if form.get("back") == "brand" else None)


@blueprint.get("/process")
@takes("name")
async def process() -> str:
    """One process, or all of them: how it stands to orders, and the forms that order it."""
    name = request.args.get("name", "")
    fleet = await operator().fleet()
    members = [member for member in fleet.members if not name or name == member.name]
    if not members:
        raise not_found("No process of this name is running.")
    return await _page("ops_process.html", name=name, members=member_rows(fleet, members), most=MAX_LANES)


@blueprint.post("/processes")
async def processes() -> WerkzeugResponse:
    """Let a process, or all, take no more brands or take them again, end, or work with other lanes."""
    signed_in, form = await acting()
    wanted, name = form.get("action", ""), form.get("process", "")
    if wanted not in set(Wanted):
        raise refused(f"action must be one of {', '.join(Wanted)}.")
    if bool(name) == (form.get("all") == "yes"):
        raise refused("Say which process is meant: either process, or all=yes.")
    lanes = whole("lanes", form, 1, MAX_LANES) if wanted == Wanted.LANES else None
    ordered = await order_processes(operator(), name or None, Wanted(wanted), _by(signed_in), lanes)
    _tell(signed_in, said_of_processes(ordered, Wanted(wanted), lanes))
    return redirect(f"{request.root_path}/ops#processes", code=HTTPStatus.SEE_OTHER.value)


@blueprint.post("/routes")
async def routes() -> WerkzeugResponse:
    """Send a test message to the endpoint of a route of alerts."""
    signed_in, form = await acting()
    name = form.get("route", "")
    answer = await operator().test_route(name, _by(signed_in))
    if answer is None:
        raise not_found("This process has no route of alerts of this name.")
    taken = "The endpoint took" if answer.startswith("status 2") else "The endpoint did not take"
    _tell(signed_in, f"{taken} the test message of {name}: {answer}.")
    return redirect(f"{request.root_path}/ops#routes", code=HTTPStatus.SEE_OTHER.value)


@blueprint.get("/purge")
@takes("name")
async def purge() -> str:
    """What is kept of a brand, and the form that removes it."""
    name = exact_brand(request.args.get("name", ""))
    return await _page("ops_purge.html", brand=name, holdings=await operator().holdings(name))


@blueprint.get("/sign-in")
async def sign_in_form() -> str:
    """Where the token is typed."""
    return await _page("ops_sign_in.html", failed=False)


@blueprint.post("/sign-in")
async def sign_in() -> Response | WerkzeugResponse:
    """Begin a session, if the token is an operator's."""
    refuse_foreign_pages()
    form = await request.form
    cookie = await begin(form.get("token", "").strip(), form.get("who", "").strip())
    if cookie is None:
        page = await _page("ops_sign_in.html", failed=True)
        return Response(page, status=HTTPStatus.FORBIDDEN.value)
    response = _back(None)
    give(response, cookie)  # type: ignore[arg-type]
    return response


@blueprint.post("/sign-out")
async def sign_out() -> WerkzeugResponse:
    """End the session."""
    signed_in, _ = await acting()
    desk().sessions.end(signed_in)
    g.signed_out = True
    try:
        await operator().sign_out(signed_in.nonce, signed_in.left_ms(time.time()))
    except StoreError as error:
        detail = (
            "Signed out in this process and this browser. Redis did not take the word for the other processes: a copy"
            f" of the cookie would be good there until {iso_utc_seconds(signed_in.until_s * 1000)}, or until the token"
            " leaves its file."
        )
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error
    return _back(None)


async def move(view: OperatorView, brand: str | None, order: Order, most: int | None) -> Moved:
    """Carry *order* out.

    Raises:
        ProblemError: more letters are meant than *most*; 409, nothing was done.
    """
    try:
        return await view.move(brand, order, most)
    except TooManyLettersError as error:
        detail = f"By now {number(error.total)} letters are meant, more than {most}: look again. Nothing was done."
        raise ProblemError(HTTPStatus.CONFLICT, detail) from None


async def act_on_brand(view: OperatorView, action: str, name: str, by: str, values: Mapping[str, str]) -> str:
    """Do what somebody asked for on one brand; returns a sentence about it.

    Raises:
        ProblemError: no such action or brand, or a value that cannot be right.
    """
    if action == "resume":
        ended = await view.resume(name, by)
        return f"{shown(name)} goes on." if ended else f"{shown(name)} was not paused."
    if action == "purge":
        queue, dead = values.get("queue") == "yes", values.get("letters") == "yes"
        return _purged(name, await view.purge(name, by, queue=queue, letters=dead))
    if action == "break":
        return await _taken(view, name, by, values.get("holder", ""))
    if action != "pause":
        raise refused("action must be one of pause, resume, break, purge.")
    if not any(one.brand == name for one in (await view.fleet()).brands):
        raise not_found("There is no such brand.")
    for_ms = pause_ms(values)
    try:
        await view.pause(name, by, values.get("reason", ""), for_ms)
    except PauseError as error:
        raise refused(str(error)) from None
    until = "until somebody resumes it" if for_ms is None else f"for {for_ms / HOUR_MS:g} h"
    return f"{shown(name)} is paused {until}; its chunks wait."


async def order_processes(
    view: OperatorView, process: str | None, wanted: Wanted, by: str, lanes: int | None
) -> Sequence[Member]:
    """Order *process*, None: all; returns those that were ordered.

    Raises:
        ProblemError: none is called so (404), several are, or it takes no orders (409); nobody was ordered.
    """
    try:
        return await view.order(process, wanted, by, lanes)
    except ProcessUnknownError as error:
        raise not_found(_sentence(error)) from None
    except ProcessChoiceError as error:
        raise ProblemError(HTTPStatus.CONFLICT, _sentence(error)) from None


def _sentence(error: Exception) -> str:
    text = str(error)
    return shown(f"{text[:1].upper()}{text[1:]}.")


def said_of_processes(ordered: Sequence[Member], wanted: Wanted, lanes: int | None) -> str:
    """What processes were ordered, in words."""
    which = shown(ordered[0].id) if len(ordered) == 1 else f"{len(ordered)} processes"
    order = ProcessOrder(wanted=wanted, at_ms=0, lanes=lanes)
    end = f" {STOPPING}" if wanted is Wanted.STOP else ""
    return f"{which}: {asked(order)}. Heard within {BEAT_S:.0f} s.{end}"


async def _taken(view: OperatorView, name: str, by: str, holder: str) -> str:
    if not holder:
        raise refused("holder is missing: from whom the brand is to be taken.")
    if not await view.take(name, by, holder):
        detail = f"{shown(holder)} does not hold {shown(name)} any more, or by no lock of ours. Nothing was done."
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    return f"{shown(name)} is taken from {shown(holder)}; the next free lane goes on with it."


def _purged(name: str, purged: Purged) -> str:
    gone = [f"{number(purged.keys)} {'key' if purged.keys == 1 else 'keys'}"]
    gone += [f"{number(purged.chunks)} chunks"] if purged.chunks else []
    gone += [f"{number(purged.letters)} dead letters"] if purged.letters else []
    gone += [f"{number(purged.objects)} objects of the archive"] if purged.objects else []
    told = f"{shown(name)} is registered no more; gone of it: {', '.join(gone)}."
    if purged.remains:
        told += f" NOT gone is what the archive has of it, {shown(purged.remains)}. Purge it again when that is mended."
    return told


def said(order: Order, moved: Moved) -> str:
    """What an order did, in words."""
    count = f"{number(moved.moved)} {'letter' if moved.moved == 1 else 'letters'}"
    done = f"{count} sent again" if order.action.value == "retry" else f"{count} removed"
    parts = [
        f"{number(moved.gone)} had been taken by somebody else" if moved.gone else "",
        f"{number(moved.refused)} cannot be sent and stay" if moved.refused else "",
        f"{number(moved.left)} are left: do it again for them" if moved.left else "",
    ]
    return "; ".join([done, *filter(None, parts)]) + "."


def _by(signed_in: Session | None) -> str:
    return signature(signed_in.who if signed_in else "", "page", request.remote_addr or "")


def _tell(signed_in: Session, text: str) -> None:
    desk().tell(signed_in, text, time.monotonic())


def _back(name: str | None) -> WerkzeugResponse:
    """To a page that can be loaded again without doing anything."""
    root = request.root_path
    return redirect(f"{root}/ops" if name is None else ops_brand_url(name, root=root), code=HTTPStatus.SEE_OTHER.value)


async def _page(template: str, **values: object) -> str:
    signed_in = session()
    return await render_template(
        template,
        session=signed_in,
        who=shown(signed_in.who) if signed_in and signed_in.who else "",
        notice=desk().told(signed_in, time.monotonic()),
        can_sign_in=desk().open,
        **values,
    )
