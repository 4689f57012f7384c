"""``orchestrator failed retry``, ``drop`` and ``edit``: what is to become of dead letters.

Letters of workers hold a worker's input, and letters of other shapes are nobody's to interpret: both are left alone
unless they are asked for by name.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

import click
import redis

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.selecting import brands_with_letters, is_narrow, selecting, writer_of
from orchestrator.cli.terminal import Failure, Misuse, counted, remark
from orchestrator.cli.who import who, write_down
from orchestrator.contract.brands import check_brand
from orchestrator.contract.letters import Letter, LetterError, Selection, Writer
from orchestrator.contract.set_value import SetError, Setting, set_values
from orchestrator.errors import StoreError
from orchestrator.letters import Action, Order, Outcome, Plan, carry_out, plan, send_edited, slice_of
from orchestrator.process.masking import printable
from orchestrator.settings import Settings

_SHOWN_GROUPS = 20

_of_workers = click.option("--workers", "of", flag_value="workers", help="Letters that workers wrote, and only those.")
_set = click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Set a value in each payload first.")
_OPTIONS = (
    click.argument("brand", required=False, shell_complete=complete_brand),
    click.option("--all", "everything", is_flag=True, help="All letters: no other filter is needed."),
    selecting,
    click.option("--index", type=click.IntRange(0), help="The letter at this place: 0 is the oldest."),
    _of_workers,
    click.option("--limit", type=click.IntRange(1), help="At most so many of each brand, the oldest."),
    click.option("--rate", type=click.FloatRange(0, min_open=True), help="At most so many a second."),
    click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
    click.option("--json", "as_json", is_flag=True, help="One JSON document instead of sentences."),
)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is asked for: which letters, of one brand or of all, and how."""

    brand: str | None
    wanted: Selection
    limit: int | None
    rate: float | None
    dry_run: bool
    as_json: bool

    def order(self, action: Action, values: tuple[Setting, ...] = ()) -> Order:
        """The same for those who carry it out."""
        return Order(action, self.wanted, who(), values, self.limit, self.rate)


def _working(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a :class:`_Work`, and that as the argument *work*."""

    @functools.wraps(function)
    def command(*args: Any, selection: Selection, brand: str | None, **options: Any) -> None:
        wanted = replace(selection, index=options.pop("index"))
        if wanted.index is not None and brand is None:
            raise Misuse("--index needs a BRAND")
        if not (options.pop("everything") or is_narrow(wanted)):
            raise Misuse("say which letters: --all, --reason, --path, --since, --until, --grep or --index")
        wanted = replace(wanted, writer=writer_of(options.pop("of")))
        how = {option: options.pop(option) for option in ("limit", "rate", "dry_run", "as_json")}
        name = None if brand is None else check_brand(brand)
        return function(*args, work=_Work(name, wanted, **how), **options)

    decorated: Callable[..., None] = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


@click.command(short_help="Send dead letters again: from their list into the queue.")
@_working
@_set
@with_settings
def retry(settings: Settings, *, work: _Work, sets: tuple[str, ...]) -> None:
    """Send dead letters of BRAND, or of all brands, to the queue again, each in one atomic step.

    A chunk that was counted already counts once. Interrupted, it has done a part; run it again for the rest.
    With --workers the payloads, which are a worker's input, go to queue:brand:BRAND:chunks.
    """
    _run(settings, work, work.order(Action.RETRY, _settings_of(sets)))


@click.command(short_help="Remove dead letters for good.")
@_working
@click.option("--others", "of", flag_value="others", help="Letters of no known shape, and only those.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def drop(settings: Settings, *, work: _Work, yes: bool) -> None:
    """Remove dead letters of BRAND, or of all brands, for good."""
    _run(settings, work, work.order(Action.DROP), asks=not (yes or work.dry_run))


@click.command(short_help="Mend one dead letter's payload and send it again.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("--index", required=True, type=click.IntRange(0), help="Its place in the list: 0 is the oldest.")
@_of_workers
@_set
@click.option("--payload", "file", type=click.File("rb"), help="Send what this file (- is standard input) holds.")
@with_settings
def edit(
    settings: Settings, brand: str, *, index: int, of: str | None, sets: tuple[str, ...], file: IO[bytes] | None
) -> None:
    """Mend the payload of one dead letter of BRAND, in $EDITOR, with --set or with --payload, and send it again."""
    if sets and file is not None:
        raise Misuse("--set changes the payload that the letter has, --payload replaces it: say one of them")
    name, values = check_brand(brand), _settings_of(sets)
    with open_redis(settings) as client:
        letters, total = slice_of(client, name, index, index)
        if not letters:
            raise Failure(f"no dead letter of {name!r} at {index}: there are {total}")
        letter = letters[0]
        writer = writer_of(of)
        if letter.writer is not writer:
            raise Failure(f"the letter at {index} is of {_WHOSE[letter.writer]}{_HINTS[letter.writer]}")
        payload = _edited(letter, values) if file is None else file.read()
        if payload is None:
            remark("Nothing was changed, the letter stays.")
            return
        write_down(client, "edit", name, index=index, letters=1, set=" ".join(sets) or None)
        if not send_edited(client, name, letter, payload, by=who()):
            raise Failure("somebody else took the letter meanwhile; nothing was done")
    click.echo("Sent 1 letter again.")


def _run(settings: Settings, work: _Work, order: Order, *, asks: bool = False) -> None:
    with open_redis(settings) as client:
        names = brands_with_letters(client, settings.brand_list_keys) if work.brand is None else [work.brand]
        plans = [made for name in names if (made := plan(client, name, order)).meant]
        outcome = Outcome()
        if not work.dry_run:
            if asks:
                _ask(plans)
            _write_down(client, order, plans)
            outcome = _carry_out(client, order, plans)
    if work.as_json:
        click.echo(json.dumps(_document(work, order, plans, outcome), indent=2))
    else:
        _tell(work, order, plans, outcome)
    if refused := sum(made.refused for made in plans):
        raise Failure(f"{counted(refused, 'letter')} cannot be sent and stayed")


def _ask(plans: Sequence[Plan]) -> None:
    total = sum(made.total for made in plans)
    if not total:
        return
    if not sys.stdin.isatty():
        raise Misuse(f"{counted(total, 'letter')} would be gone for good: say --yes, or --dry-run to see which")
    click.confirm(f"Remove {counted(total, 'letter')} for good?", abort=True, err=True)


def _carry_out(client: redis.Redis, order: Order, plans: Sequence[Plan]) -> Outcome:
    """What became of all *plans*, one after the other."""
    moved, gone, now = 0, 0, 0

    def progress(letters: int) -> None:
        nonlocal now
        now = letters

    for made in plans:
        now = 0
        try:
            outcome = carry_out(client, order, made, progress=progress)
        except (StoreError, KeyboardInterrupt):
            remark(f"Stopped after {counted(moved + now, 'letter')}; the same command does the rest.")
            raise
        moved, gone = moved + outcome.moved, gone + outcome.gone
    return Outcome(moved, gone)


def _write_down(client: redis.Redis, order: Order, plans: Sequence[Plan]) -> None:
    """One entry in the audit list, also where many brands are meant."""
    meant = [made for made in plans if made.total]
    if not meant:
        return
    brand, brands = (meant[0].brand, None) if len(meant) == 1 else (None, len(meant))
    letters = sum(made.total for made in meant)
    write_down(client, order.action, brand, letters=letters, brands=brands, **order.told())


def _tell(work: _Work, order: Order, plans: Sequence[Plan], outcome: Outcome) -> None:
    for made in plans:
        if work.dry_run:
            for group, number in made.tally.groups.most_common(_SHOWN_GROUPS):
                click.echo("\t".join([str(number), *map(printable, (made.brand, group.path, group.reason))]))
        for index, why in made.told:
            remark(f"{made.brand}: the letter at {index} stays: {why}")
    total = counted(sum(made.total for made in plans) if work.dry_run else outcome.moved, "letter")
    would = "Would have" if work.dry_run else ""
    done = {Action.RETRY: "sent {} again", Action.DROP: "removed {}"}[order.action].format(total)
    sentence = f"{would} {done}.".strip()
    click.echo(sentence[0].upper() + sentence[1:])
    if outcome.gone:
        remark(f"{counted(outcome.gone, 'letter')} had been taken by somebody else.")


def _document(work: _Work, order: Order, plans: Sequence[Plan], outcome: Outcome) -> dict[str, object]:
    return {
        "action": order.action,
        "dryRun": work.dry_run,
        "selected": sum(made.total for made in plans),
        "moved": outcome.moved,
        "gone": outcome.gone,
        "brands": [
            {
                "brand": made.brand,
                "selected": made.total,
                "groups": [
                    {"reason": group.reason, "path": group.path, "letters": number}
                    for group, number in made.tally.groups.most_common()
                ],
                "lettersOfFurtherGroups": made.tally.rest,
                "refused": made.refused,
                "refusals": [{"index": index, "reason": why} for index, why in made.told],
            }
            for made in plans
        ],
    }


def _settings_of(sets: tuple[str, ...]) -> tuple[Setting, ...]:
    try:
        return tuple(map(Setting.parse, sets))
    except SetError as error:
        raise Misuse(f"--set {error}") from None


def _edited(letter: Letter, values: tuple[Setting, ...]) -> bytes | None:
    """The payload as it was mended; None if it was not.

    Raises:
        Failure: the entry does not hold the payload, or it cannot be mended so.
    """
    try:
        payload = letter.payload()
        if values:
            return set_values(payload, values)
        text = payload.decode()
    except (LetterError, SetError) as error:
        raise Failure(f"the letter at {letter.index}: {error}") from None
    except UnicodeDecodeError:
        raise Failure(f"the letter at {letter.index}: its payload is no text, so no editor can show it") from None
    edited = click.edit(text, extension=".json", require_save=True)
    # Editors end a file with a newline, which a payload need not have.
    return None if edited is None or edited.rstrip("\n") == text.rstrip("\n") else edited.rstrip("\n").encode()


_WHOSE = {
    Writer.ORCHESTRATOR: "an orchestrator",
    Writer.WORKER: "a worker",
    Writer.OTHER: "no known shape",
}
_HINTS = {Writer.ORCHESTRATOR: ": leave --workers out", Writer.WORKER: ": add --workers", Writer.OTHER: ""}
