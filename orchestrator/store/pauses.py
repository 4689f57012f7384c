"""Pausing brands and resuming them: the functions that the command line and HTTP share.

A paused brand's chunks wait in its queue. Once :func:`pause` has returned, no commit of these brands goes through until
they are resumed, or the server's clock has passed the end that was named. The guard is in ``acquire.lua`` and
``pause.lua``; whoever shows or plans by what is read here only saves himself the asking. Needs no lease, and may be
called by many at once. Synchronous. Source: ``docs/redis-protocol.md``, section 11.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, cast

from orchestrator.contract.keys import PAUSED_KEY
from orchestrator.contract.layout import absent_key
from orchestrator.contract.pauses import Pause, check_by, check_reason
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import PauseError, StoreError, WrongTypeError
from orchestrator.store import scripts
from orchestrator.store.client import checked, translated
from orchestrator.store.codes import Code
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import redis

SLICE: Final = 512
"""Brands of one call: 512 take well under a millisecond of the server's time."""

STAMP: Final = (("HGET", PAUSED_KEY, ""), ("HLEN", PAUSED_KEY))
"""Asks for what changes with each pause and resume; the length notices what was done without these functions."""

_REVISION_BYTES: Final = 8
_NO_LOCK: Final = absent_key(PAUSED_KEY)


def stamp_of(replies: Sequence[Any]) -> object:
    """The stamp in the answers to :data:`STAMP`; a key of a foreign type has one of its own.

    None: nobody could say, because the node of a cluster is away that has the key.
    """
    if any(isinstance(reply, StoreError) for reply in replies):
        return None
    return tuple("" if isinstance(reply, Exception) else reply for reply in replies)


def pause(
    client: redis.Redis,
    brands: Iterable[str],
    *,
    by: str,
    reason: str = "",
    for_ms: int | None = None,
    until_ms: int | None = None,
) -> dict[str, bool]:
    """Pause *brands*, in slices; a brand that is paused already gets this pause instead.

    Args:
        client: of the server.
        brands: which; whether they are registered is for the caller to know.
        by: who asks.
        reason: for people, one line.
        for_ms: it ends so many milliseconds from now, by the server's clock.
        until_ms: or at this time of the server; neither: when somebody resumes them.

    Returns:
        for each brand whether somebody held its lease, who now has lost it: what was under way is folded again.

    Raises:
        PauseError: the end is past, or *by* or *reason* is no line of text.
        WrongTypeError: the key of pauses has a foreign type.
        StoreError: Redis did not answer or refused; some of the brands may be paused. Calling again is safe.
    """
    with translated():
        seconds, microseconds = client.time()
    now_ms = int(seconds) * 1000 + int(microseconds) // 1000
    if for_ms is not None:
        until_ms = now_ms + for_ms
    if until_ms is not None and until_ms <= now_ms:
        raise PauseError(
            f"{iso_utc_seconds(until_ms)} is past, Redis's clock says {iso_utc_seconds(now_ms)}: name a later end"
        )
    mark = Pause(check_reason(reason), check_by(by), now_ms, until_ms).mark()
    held: dict[str, bool] = {}
    runner, layout = ScriptRunner(client), layout_of(client)
    for names in _slices(brands):
        if layout.spread:
            # First where all see it: killed before the rest, the brand is left alone and shown as paused.
            _run(runner, scripts.PAUSE, [PAUSED_KEY, *[_NO_LOCK] * len(names)], _revision(), mark, *names)
            keys = [[layout.paused(name), layout.keys(name).lock] for name in names]
            answers = _run_each(runner, scripts.PAUSE, keys, [(_revision(), mark, name) for name in names])
        else:
            locks = (layout.keys(name).lock for name in names)
            answers = _run(runner, scripts.PAUSE, [PAUSED_KEY, *locks], _revision(), mark, *names)
        held.update(zip(names, (answer == 1 for answer in answers), strict=True))
    return held


def resume(client: redis.Redis, brands: Iterable[str]) -> dict[str, Pause | None]:
    """Let *brands* go on, in slices; within a second every process does so.

    Returns:
        for each brand the pause that is over now; None: it was not paused.

    Raises:
        WrongTypeError: the key of pauses has a foreign type.
        StoreError: Redis did not answer or refused; some of the brands may be resumed. Calling again is safe.
    """
    ended: dict[str, Pause | None] = {}
    runner, layout = ScriptRunner(client), layout_of(client)
    for names in _slices(brands):
        found: list[Any] = [b""] * len(names)
        if layout.spread:
            # First where it counts, for the same reason: as long as a brand is paused, it is shown as such.
            keys = [[layout.paused(name)] for name in names]
            found = _run_each(runner, scripts.RESUME, keys, [(_revision(), name) for name in names])
        answers = _run(runner, scripts.RESUME, [PAUSED_KEY], _revision(), *names)
        marks = zip(names, found, answers, strict=True)
        ended.update((name, Pause.read(mark) if (mark := own or shown) else None) for name, own, shown in marks)
    return ended


def paused(client: redis.Redis, brands: Iterable[str]) -> dict[str, Pause]:
    """Which of *brands* are paused at this time of the server, and how.

    Raises:
        StoreError: Redis did not answer or refused. A key of a foreign type holds no pauses.
    """
    now_ms, found = read(ScriptRunner(client), brands)
    return {brand: each for brand, each in found.items() if each.holds(now_ms)}


def all_paused(client: redis.Redis) -> list[str]:
    """Names of all brands with a mark, registered or not; for resuming whatever is paused.

    Raises:
        StoreError: Redis did not answer or refused, also because the key has a foreign type.
    """
    names: list[str] = []
    with translated():
        for name, _ in cast("Any", client.hscan_iter(PAUSED_KEY, count=SLICE)):
            try:
                names.append(name.decode())
            except UnicodeDecodeError:  # of somebody else: no brand has such a name
                continue
    return sorted(filter(None, set(names)))


def read(runner: ScriptRunner, brands: Iterable[str]) -> tuple[int, dict[str, Pause]]:
    """The server's time, 0 without brands, and the pauses of *brands*, those included that are over.

    Raises:
        StoreError: Redis did not answer or refused. A key of a foreign type holds no pauses.
    """
    now_ms = 0
    found: dict[str, Pause] = {}
    for names in _slices(brands):
        try:
            now_ms, *told = _run(runner, scripts.PAUSED, [PAUSED_KEY], *names)
        except WrongTypeError:
            continue
        found.update((names[place - 1], Pause.read(mark)) for place, mark in zip(told[::2], told[1::2], strict=True))
    return now_ms, found


def _run(runner: ScriptRunner, script: scripts.Script, keys: Sequence[str], *arguments: Any) -> list[Any]:
    """What *script* answers after its code.

    Raises:
        WrongTypeError: the key of pauses has a foreign type.
    """
    return _answers(keys, checked(runner.run([evalsha(script, keys, *arguments)])[0]))


def _run_each(
    runner: ScriptRunner, script: scripts.Script, keys: Sequence[Sequence[str]], arguments: Sequence[tuple[Any, ...]]
) -> list[Any]:
    """What *script* answers for each brand, whose keys have a slot of their own; raises as :func:`_run`."""
    commands = [evalsha(script, own, *each) for own, each in zip(keys, arguments, strict=True)]
    replies = zip(keys, map(checked, runner.run(commands)), strict=True)
    return [answer for own, reply in replies for answer in _answers(own, reply)]


def _answers(keys: Sequence[str], reply: Sequence[Any]) -> list[Any]:
    code, *answers = reply
    if Code(code.decode()) is Code.TYPE:
        raise WrongTypeError(keys[0], answers[1].decode(), "hash")
    return answers


def _revision() -> str:
    return secrets.token_hex(_REVISION_BYTES)


def _slices(brands: Iterable[str]) -> Iterator[list[str]]:
    names = list(dict.fromkeys(brands))
    return (names[start : start + SLICE] for start in range(0, len(names), SLICE))
