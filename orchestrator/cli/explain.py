"""``orchestrator explain``: which chunks made a number of a brand's summary, and where the archive has them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast, get_args

import click
import msgspec
from msgspec import structs

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import load_kernel, open_redis, with_settings
from orchestrator.cli.past_times import past_ms
from orchestrator.cli.summary import as_json_text
from orchestrator.cli.terminal import (
    ROOMY,
    Misuse,
    counted,
    make_table,
    minute,
    on_terminal,
    page_width,
    plain,
    remark,
    show_page,
)
from orchestrator.contract.brands import check_brand
from orchestrator.contract.explanation import MAX_SHOWN, ExplainedOrder, Explanation
from orchestrator.settings import Settings
from orchestrator.store.archive_id import known_id

if TYPE_CHECKING:
    from types import ModuleType

    from rich.table import Table

DEFAULT_SHOWN = 20


@click.command(short_help="Show which chunks made a number of a summary.")
@click.argument("brand", shell_complete=complete_brand)
@click.argument("story", required=False)
@click.option("--total", is_flag=True, help="All mentions of the window, instead of a story's.")
@click.option("--topic", help="Those of a topic that the summary shows.")
@click.option("--hour", metavar="TIME", help="Those of the hour of UTC that holds TIME, late chunks too.")
@click.option("--at", metavar="TIME", help="As it was then: ISO 8601 in UTC, or 30m, 2h, 3d (ago).")
@click.option("--order", type=click.Choice(get_args(ExplainedOrder)), default="newest", show_default=True)
@click.option("--limit", type=click.IntRange(1, MAX_SHOWN), default=DEFAULT_SHOWN, show_default=True, help="Chunks.")
@click.option("--json", "as_json", is_flag=True, help="The whole document, as the API tells it.")
@with_settings
def explain(  # noqa: PLR0913 - one for each option
    settings: Settings,
    brand: str,
    story: str | None,
    *,
    total: bool,
    topic: str | None,
    hour: str | None,
    at: str | None,
    order: str,
    limit: int,
    as_json: bool,
) -> None:
    """Show which chunks made the number of STORY in the summary of BRAND, and where the archive has them.

    STORY is its id, its headline, or a part of one headline alone.
    """
    if sum([story is not None, total, topic is not None, hour is not None]) != 1:
        raise Misuse("name one number: a story, or --total, or --topic TEXT, or --hour TIME")
    name, at_ms, hour_ms = check_brand(brand), past_ms("--at", at), past_ms("--hour", hour)
    service = _service()
    if hour_ms is not None:
        question = service.Question("hour", hour_ms=hour_ms)
    elif total:
        question = service.Question("total")
    else:
        question = service.Question("story", story) if topic is None else service.Question("topic", topic)
    with open_redis(settings) as client:
        moment, waiting = service.moment_of(client, settings, name, at_ms)
        known = known_id(client)
    request = service.PastRequest(settings.archive_url, name, moment, question, cast("ExplainedOrder", order), limit)
    document = service.reply_to(structs.replace(request, waiting=waiting, known=known)).checked().answers[""]
    if as_json:
        click.echo(as_json_text(document, indent=2 if on_terminal() else None))
    else:
        _show(msgspec.json.decode(document, type=Explanation))


def _show(told: Explanation) -> None:
    what = {"story": f"story {told.id}: {told.label!r}", "topic": f"topic {told.label!r}", "total": "all of the window"}
    named = what.get(told.of) or f"the hour from {minute(told.label)} UTC"
    remark(f"{told.brand!r}, {named}, as of {minute(told.as_of)} UTC (version {told.version}).")
    show_page(_table(told, page_width()))
    left = told.chunks - len(told.contributions)
    more = f" {counted(left, 'more chunk')}: --limit, or --json." if left else ""
    remark(f"{counted(told.mentions, 'mention')} from {counted(told.chunks, 'chunk')} of the archive.{more}")
    if told.older > 0:
        before = "what the archive tells, or before another state was put in place (an import)"
        remark(f"{counted(told.older, 'mention')} of these are from before {before}.")
    elif told.older < 0:
        remark(f"{counted(-told.older, 'mention')} of these count no more: they were forgotten since.")


def _table(told: Explanation, width: int) -> Table:
    roomy = width >= ROOMY
    names = (
        ("Chunk", "Mentions", "Counts at", "Taken at", "Object and item")
        if roomy
        else ("Chunk", "Mentions", "Taken at")
    )
    table = make_table(*names, right=("Mentions",))
    for one in told.contributions:
        counts = [minute(one.at) + (" late" if one.late else "")] if roomy else []
        place = [plain(f"{one.object or 'not archived yet:'} {one.commit}/{one.item}")] if roomy else []
        mentions = f"{one.mentions:,} of {one.chunk_mentions:,}"
        table.add_row(plain(one.chunk_id), mentions, *counts, minute(one.committed_at), *place)
    return table


def _service() -> ModuleType:
    load_kernel()  # before the service, which loads the kernels without a word about a failure
    return importlib.import_module("orchestrator.service")
