"""``orchestrator spikes``: a brand's episodes of volume, mood and stories, and why each was called one, in plain words.

Source: the score is -10·log10 of the probability that so many mentions come by chance, so the odds are ten to the
power of a tenth of it. The explanation of an episode uses nothing but its entry: every reader of
``spike:brand:<brand>`` can give the same. Why there is none now only the brand's state can tell.
"""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any, Protocol, cast

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.cli.completion import complete_brand
from orchestrator.cli.context import open_redis, with_settings
from orchestrator.cli.failed import as_json_line
from orchestrator.cli.terminal import counted, make_table, minute, plain, remark, show_page
from orchestrator.contract.brands import check_brand
from orchestrator.contract.episode_words import about, drivers_of, news_in_words
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.summary import EPISODE_KINDS, EpisodeKind, SpikeEpisode
from orchestrator.contract.times import iso_utc
from orchestrator.errors import InvalidStateError
from orchestrator.settings import Settings
from orchestrator.store import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

_WORDS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_BEYOND_WORDS = 1e15


@click.command(short_help="Show a brand's episodes, and explain them.")
@click.argument("brand", shell_complete=complete_brand)
@click.option("--explain", is_flag=True, help="Why each is one, what it is about, and why there is none now, in words.")
@click.option("--kind", type=click.Choice(EPISODE_KINDS), help="Only episodes of this kind.")
@click.option("--json", "as_json", is_flag=True, help="The stored entries, one a line.")
@with_settings
def spikes(settings: Settings, brand: str, *, explain: bool, kind: EpisodeKind | None, as_json: bool) -> None:
    """Show the episodes of BRAND, oldest first: far more mentions, negative ones, or of one story than usual."""
    name = check_brand(brand)
    kinds = EPISODE_KINDS if kind is None else (kind,)
    with open_redis(settings) as client, translated():
        keys = BrandKeys.of(name)
        entries = [entry for one in kinds for entry in cast("list[bytes]", client.lrange(keys.episodes(one), 0, -1))]
        now = _stands(client, name, kinds) if explain and not as_json else []
    if as_json:
        for entry in entries:
            click.echo(as_json_line(entry))
        return
    episodes, unreadable = decode_episodes(entries)
    episodes.sort(key=lambda episode: episode.timestamp)
    if unreadable:
        remark(f"Warning: {counted(unreadable, 'entry', 'entries')} of another shape left out; --json shows all.")
    if not episodes:
        remark(f"{name!r} has no {'spikes' if kind is None else f'episodes of {kind}'}.")
    if explain:
        show_page(Group(*(_explanation(episode) for episode in episodes), *map(plain, now)))
    elif not episodes:
        return
    else:
        show_page(_table(episodes))


def decode_episodes(entries: list[bytes]) -> tuple[list[SpikeEpisode], int]:
    """The episodes among *entries*, and how many entries are something else."""
    decoder = msgspec.json.Decoder(SpikeEpisode)
    episodes = []
    for entry in entries:
        try:
            episodes.append(decoder.decode(entry))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return episodes, len(entries) - len(episodes)


def explain_in_words(episode: SpikeEpisode) -> str:
    """Why *episode* is one: what was expected, what came, how likely that is, and what would have been enough."""
    minutes = episode.window_sec // 60
    if episode.kind != "volume":
        news = news_in_words(episode)
        return (
            f"{news[0].upper()}{news[1:]}. By what is usual that happens about {odds(episode.spike_score)} (score"
            f" {episode.spike_score:.0f}). The alarm is raised at {odds(episode.threshold)} (score"
            f" {episode.threshold:.0f}), here from {counted(episode.upper_bound, 'mention')} on."
        )
    times = f", {episode.mention_count / episode.expected:.1f} times as many" if episode.expected >= 1 else ""
    return (
        f"{counted(episode.mention_count, 'mention')} came within {minutes} minutes where this brand's own past lets"
        f" {episode.expected:,.1f} be expected at most{times}. By its usual scatter that happens about"
        f" {odds(episode.spike_score)} (score {episode.spike_score:.0f}). The alarm is raised at"
        f" {odds(episode.threshold)} (score {episode.threshold:.0f}), here from"
        f" {counted(episode.upper_bound, 'mention')} on."
    )


def _stands(client: redis.Redis, name: str, kinds: Sequence[EpisodeKind]) -> list[str]:
    # Not before it is asked for: it brings the kernels along, and most commands need none.
    service = importlib.import_module("orchestrator.service")
    try:
        found = [standing_in_words(service.watch_spikes(client, name))] if "volume" in kinds else []
        moods, stories = service.watch_kinds(client, name)
    except InvalidStateError as error:
        return [f"Now: not known, because {error}."]
    found += [mood_in_words(*moods)] if "mood" in kinds else []
    return found + ([largest_in_words(*stories)] if "story" in kinds else [])


def mood_in_words(now_open: int, share: float | None) -> str:
    """Why there is no episode of mood now: *share* is the usual negative one, None while it is learned."""
    if now_open:
        return "Mood now: the newest one is open."
    if share is None:
        return "Mood now: no episode, because what is usual is still learned; that takes a day."
    return (
        f"Mood now: no episode. Usually {share:.0%} of mentions are negative; a quarter of an hour is judged when it is"
        " over, and needs ten in a hundred more, and more than chance explains."
    )


def largest_in_words(now_open: int, usual: float | None) -> str:
    """Why there is no episode of a story now: *usual* is the most that the largest has, None while it is learned."""
    if now_open:
        return f"Stories now: {counted(now_open, 'episode')} open."
    if usual is None:
        return "Stories now: no episode, because what is usual is still learned; that takes a day."
    return (
        f"Stories now: no episode. Up to {usual:,.0f} mentions in a quarter of an hour are usual for the largest story;"
        " one needs half as many again, and more than chance explains."
    )


class Standing(Protocol):
    """How a brand stands before the detector; see :class:`orchestrator.brand.spikes.Watch`."""

    @property
    def kind(self) -> str: ...  # noqa: D102 - see there
    @property
    def learning_panes(self) -> int: ...  # noqa: D102
    @property
    def stretch(self) -> Any: ...  # noqa: D102
    @property
    def rest_until_ms(self) -> int: ...  # noqa: D102


def standing_in_words(watch: Standing) -> str:
    """Why there is no episode now, or that there is one."""
    if watch.kind == "unknown":
        return "Now: no spike, because nothing was mentioned yet, or not for two weeks."
    if watch.kind == "learning":
        hours = max(1, math.ceil(watch.learning_panes / 4))
        return (
            f"Now: no spike, because the detector still learns what is usual, for about {counted(hours, 'hour')} more."
        )
    if watch.kind == "open":
        return "Now: the newest one is open."
    stretch = watch.stretch
    came = f"Now: no spike. {counted(stretch.count, 'mention')} came in the last {15 * stretch.panes} minutes"
    rule = "its own everyday bursts explain" if stretch.sigma else "chance explains"
    bound = f"{came}, and from {counted(stretch.upper_bound(), 'mention')} on it would be more than {rule}."
    if watch.kind != "resting":
        return bound
    return f"{bound} Until {minute(iso_utc(watch.rest_until_ms))} UTC only more than in the last spike is told."


def odds(score: float) -> str:
    """The probability that *score* means: ``once in 10,000``, ``once in 3.2 million``, ``once in 10^18``."""
    if not math.isfinite(score) or score >= 10 * math.log10(_BEYOND_WORDS):
        return f"once in 10^{score / 10:.0f}"
    times = 10 ** (max(0.0, score) / 10)
    for size, word in _WORDS:
        if times >= size:
            return f"once in {times / size:.3g} {word}"
    return f"once in {_rounded(times):,}"


def _rounded(times: float) -> int:
    """Two significant digits: more would claim a precision that odds do not have."""
    step = int(10 ** max(0, int(math.log10(times)) - 1))
    return round(times / step) * step


def _explanation(episode: SpikeEpisode) -> RenderableType:
    head = Text.assemble(plain(f"{minute(episode.timestamp)} UTC", "bold"), plain(f"  {_end(episode)}", "dim"))
    drivers = drivers_of(episode)
    sentences = about(drivers) if drivers is not None else []
    return Group(head, plain(explain_in_words(episode)), *map(plain, sentences), Text())


def _table(episodes: list[SpikeEpisode]) -> RenderableType:
    numbers = ("Mentions", "Expected", "Minutes", "Score")
    table = make_table("Start (UTC)", "End", "Kind", *numbers, right=numbers)
    for episode in episodes:
        table.add_row(
            plain(minute(episode.timestamp)),
            plain(_end(episode), "bold red" if episode.ended_at is msgspec.UNSET else ""),
            episode.kind,
            f"{episode.mention_count:,}",
            f"{episode.expected:,.1f}",
            str(episode.window_sec // 60),
            f"{episode.spike_score:.0f}",
        )
    return table


def _end(episode: SpikeEpisode) -> str:
    return "open" if isinstance(episode.ended_at, msgspec.UnsetType) else f"until {minute(episode.ended_at)}"
