"""``orchestrator processes``: who runs, and orders to one of them or to all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Final

import click
import redis
from rich.console import Group, RenderableType

from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.status_page import orders_told
from orchestrator.cli.terminal import Failure, Misuse, make_table, plain, remark, show_page
from orchestrator.cli.who import who, write_down
from orchestrator.contract.process_orders import MAX_LANES, Wanted
from orchestrator.errors import ProcessChoiceError, ProcessUnknownError
from orchestrator.fleet import words
from orchestrator.fleet.document import member_document
from orchestrator.fleet.members import Member
from orchestrator.fleet.ordering import STOPPING, done, meant
from orchestrator.process.masking import printable
from orchestrator.settings import Settings
from orchestrator.store.members import BEAT_S, look_at_members, read_members
from orchestrator.store.process_orders import give

_LOOK_S: Final = 0.5

_names = click.argument("names", nargs=-1, metavar="PROCESS...")
_all = click.option("--all", "everything", is_flag=True, help="All processes that run now.")
_wait = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Until it is done, for so long at most.",
)


@click.group(short_help="Show who runs, and order processes.")
def processes() -> None:
    """Show who runs, and order a process to be quiet, to resume, to stop, or to work with other lanes.

    A process is named by its id, or by its name where several have the same id; 'orchestrator processes list' has
    both. It hears an order along with its heartbeat, within 5 s. An order ends with its process: who starts again
    begins as the settings say.
    """


@processes.command(name="list", short_help="List who runs, and what each was ordered.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_settings
def list_processes(settings: Settings, *, as_json: bool) -> None:
    """List who runs, since when, with how many lanes, and what each was ordered."""
    with open_redis(settings) as client:
        now_ms, members = look_at_members(client)
    if as_json:
        click.echo(json.dumps([member_document(member) for member in members], indent=2))
    elif members:
        show_page(_page(now_ms, members))
    else:
        remark("No process is running.")


def _page(now_ms: int, members: Sequence[Member]) -> RenderableType:
    table = make_table("Process", "Name", "Version", "Since", "Lanes", right=("Since", "Lanes"), fixed=("Name",))
    for member in members:
        lanes = f"{member.active}/{member.lanes}"
        since = words.since(now_ms, member.since_ms)
        table.add_row(plain(member.id), plain(member.name), plain(member.version), since, lanes)
    return Group(table, *orders_told(now_ms, members))


@processes.command(short_help="Let processes take no more brands.")
@_names
@_all
@_wait
@with_settings
def quiet(settings: Settings, names: tuple[str, ...], *, everything: bool, wait_s: float | None) -> None:
    """Let processes take no more brands; what is in work is committed, and other processes go on with it.

    They answer over HTTP as before, /readyz included. With --wait: until nothing of theirs is in work.
    """
    _order(settings, _wanted(names, everything=everything), Wanted.QUIET, wait_s)


@processes.command(short_help="Let quiet processes take brands again.")
@_names
@_all
@_wait
@with_settings
def resume(settings: Settings, names: tuple[str, ...], *, everything: bool, wait_s: float | None) -> None:
    """Let quiet processes take brands again."""
    _order(settings, _wanted(names, everything=everything), Wanted.RESUME, wait_s)


@processes.command(short_help="End processes in good order, as SIGTERM does.")
@_names
@_all
@_wait
@click.option("--yes", is_flag=True, help="Do not ask first.")
@with_settings
def stop(settings: Settings, names: tuple[str, ...], *, everything: bool, wait_s: float | None, yes: bool) -> None:
    """End processes in good order, as SIGTERM does: what is in work is committed, the exit code is 0.

    What restarts processes (an orchestration, systemd) may start them again. With --wait: until they are gone.
    """
    wanted = _wanted(names, everything=everything)
    if not yes:
        which = "all processes" if wanted is None else ", ".join(wanted)
        click.confirm(printable(f"End {which}? {STOPPING}"), abort=True, err=True)
    _order(settings, wanted, Wanted.STOP, wait_s)


@processes.command(short_help="Let processes work with more or fewer lanes.")
@click.argument("count", metavar="COUNT|default")
@_names
@_all
@_wait
@with_settings
def lanes(settings: Settings, count: str, names: tuple[str, ...], *, everything: bool, wait_s: float | None) -> None:
    """Let processes work on COUNT brands at the same time; 'default': on as many as their settings say.

    Of more lanes than that some are released as their turns end. It holds until the process ends.
    """
    _order(settings, _wanted(names, everything=everything), Wanted.LANES, wait_s, _count(count))


def _count(text: str) -> int | None:
    if text == "default":
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LANES)) else 0
    if not 1 <= number <= MAX_LANES:
        raise Misuse(f"COUNT is {text!r}, expected a whole number from 1 to {MAX_LANES}, or default")
    return number


def _wanted(names: tuple[str, ...], *, everything: bool) -> tuple[str, ...] | None:
    """The processes that are asked for, each once; None: all."""
    if bool(names) == everything:
        raise Misuse("say which processes: either their ids or names, or --all")
    return None if everything else tuple(dict.fromkeys(names))


def _order(
    settings: Settings, names: tuple[str, ...] | None, wanted: Wanted, wait_s: float | None, lanes: int | None = None
) -> None:
    with open_redis(settings) as client:
        chosen = _chosen(read_members(client), names)
        count = ("default" if lanes is None else lanes) if wanted is Wanted.LANES else None
        for member in chosen:
            action = f"processes {wanted.value}"
            write_down(client, action, None, process=member.name, id=member.id, lanes=count)
        give(client, [member.name for member in chosen], wanted, who(), lanes)
        for member in chosen:
            what = wanted.value if count is None else f"{wanted.value} {count}"
            click.echo(f"{printable(member.id)} ({member.name}): ordered: {what}")
        if wait_s is None:
            remark(f"Heard within {BEAT_S:.0f} s; 'orchestrator processes list' says what holds.")
        else:
            await_done(client, chosen, wanted, wait_s)
    if wanted is Wanted.STOP:
        remark(STOPPING)


def _chosen(members: Sequence[Member], names: tuple[str, ...] | None) -> list[Member]:
    """All or none of the processes that are asked for."""
    try:
        found = [member for name in names or (None,) for member in meant(members, name)]
    except (ProcessUnknownError, ProcessChoiceError) as error:
        raise Failure(f"nothing was ordered: {error}") from None
    return list({member.name: member for member in found}.values())


def await_done(
    client: redis.Redis,
    chosen: Sequence[Member],
    wanted: Wanted,
    wait_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Look again and again until all have done what they were ordered.

    Raises:
        Failure: some have not within *wait_s*; the order stands all the same.
    """
    end_s = time.monotonic() + wait_s
    while True:
        there = {member.name: member for member in read_members(client)}
        late = [member for member in chosen if not done(wanted, there.get(member.name))]
        if not late:
            click.echo("done" if len(chosen) == 1 else f"done by all {len(chosen)}")
            return
        if time.monotonic() >= end_s:
            names = words.some([member.id for member in late], 3)
            raise Failure(f"not done within {wait_s:g} s by {names}; the order stands")
        pause(_LOOK_S)
