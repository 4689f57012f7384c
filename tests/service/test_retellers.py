"""Answers of the past: made by a process of their own, bounded in number, time and size, and kept for a while."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from orchestrator.contract.explanation import Explanation
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import (
    ArchiveError,
    ArchiveUnavailableError,
    NothingToExplainError,
    PastBusyError,
    PastSlowError,
)
from orchestrator.http import Wanted
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.service import retellers as retellers_module
from orchestrator.service import retelling_process
from orchestrator.service.retellers import EVERY_MOST, MOST_WAITING, TIME_S, Retellers
from orchestrator.service.retelling import Reply, Request, moment_of, reply_to
from orchestrator.settings import Settings
from tests.archive.test_explain import NOW_MS, SMALL, payload, records

MINUTE_MS = 60_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With an archive in a folder."""
    return Settings(archive_url=f"file://{tmp_path}/archive")


@pytest.fixture
def name(brand: str, redis_client: redis.Redis, settings: Settings) -> str:
    """A brand of three commits, of which the archive has two and Redis stands on the second."""
    made = [
        (
            NOW_MS + n * MINUTE_MS,
            [payload(f"k{n}", ("s", "door recall", [f"m{n}"]), ("t", "launch", ["x"]), brand=brand)],
        )
        for n in range(2)
    ]
    chain = records(made, SMALL, brand)
    BrandArchive(Objects.open(settings.archive_url), brand).put(chain)
    redis_client.hset(BrandKeys.of(brand).meta, "cid", "c2")
    return brand


class Counting(Retellers):
    """Counts the processes, which do the work right here."""

    count = 0
    answer: Callable[[Request], Reply] = staticmethod(reply_to)

    async def _ask(self, request: Request) -> Reply:
        self.count += 1
        reply = self.answer(request)
        await trio.lowlevel.checkpoint()
        return reply


async def test_process_tells_what_was(redis_client: redis.Redis, settings: Settings, name: str) -> None:
    """A real one: summary and stories, with ids, times and places."""
    told = Retellers(redis_client, settings)
    document = await told.summary(name, NOW_MS + 1)
    assert (json.loads(document.body)["totalMentions"], document.settled) == (2, True)
    newest = await told.summary(name, NOW_MS + MINUTE_MS)
    assert (json.loads(newest.body)["totalMentions"], newest.settled) == (4, False)
    explained = msgspec.json.decode((await told.explain(name, Wanted("story", "s"))).body, type=Explanation)
    assert [one.chunk_id for one in explained.contributions] == ["k1", "k0"]
    assert explained.contributions[0].object.endswith(".ndjson.gz")
    with pytest.raises(NothingToExplainError, match="had no summary then"):
        await told.summary(name, NOW_MS - 1)


async def test_all_stories_are_explained_by_one_process(
    redis_client: redis.Redis, settings: Settings, name: str
) -> None:
    """And asked for again after a while; one that is not listed is looked for by itself."""
    now_s = 0.0
    told = Counting(redis_client, settings, now_s=lambda: now_s)
    for story, mentions in (("s", 2), ("t", 1), ("s", 2)):
        document = json.loads((await told.explain(name, Wanted("story", story))).body)
        assert (document["id"], document["mentions"]) == (story, mentions)
    assert told.count == 1
    assert json.loads((await told.explain(name, Wanted("story", "launch"))).body)["id"] == "t"
    assert told.count == 2
    await told.explain(name, Wanted("total"))
    await told.summary(name, NOW_MS + 1)
    assert told.count == 4
    now_s = 60.0
    await told.explain(name, Wanted("total"))
    await told.summary(name, NOW_MS + 1)
    assert told.count == 4
    now_s = 61.0
    await told.explain(name, Wanted("total"))
    await told.summary(name, NOW_MS + 1)
    assert told.count == 6
    assert len(told._answers._kept) == 2, "what is told no more is not kept"


async def test_purged_past_is_told_no_longer_than_a_minute(
    redis_client: redis.Redis, settings: Settings, name: str
) -> None:
    """Though nothing that comes could have changed it."""
    now_s = 0.0
    told = Counting(redis_client, settings, now_s=lambda: now_s)
    assert (await told.summary(name, NOW_MS + 1)).settled
    redis_client.delete(BrandKeys.of(name).meta)
    now_s = 61.0
    with pytest.raises(NothingToExplainError):
        await told.summary(name, NOW_MS + 1)


async def test_story_of_which_many_chunks_are_wanted_is_explained_alone(
    redis_client: redis.Redis, settings: Settings, name: str
) -> None:
    """So many of each of a hundred stories are more than a process may answer."""
    told, asked = Counting(redis_client, settings), []

    def answer(request: Request) -> Reply:
        asked.append((request.every, request.limit))
        return reply_to(request)

    told.answer = answer
    for limit in (EVERY_MOST, EVERY_MOST + 1):
        document = json.loads((await told.explain(name, Wanted("story", "s", limit=limit))).body)
        assert (document["id"], document["chunks"]) == ("s", 2)
    assert asked == [(True, EVERY_MOST), (False, EVERY_MOST + 1)]


async def test_two_processes_have_the_time_of_one_answer(
    redis_client: redis.Redis, settings: Settings, name: str, mock_clock: MockClock
) -> None:
    """A story that is named by its headline is looked for among all, and then by itself."""
    told = Counting(redis_client, settings)

    def answer(request: Request) -> Reply:
        mock_clock.jump(0.6 * TIME_S)
        return reply_to(request)

    told.answer = answer
    assert (await told.explain(name, Wanted("total"))).body
    with pytest.raises(PastSlowError):
        await told.explain(name, Wanted("story", "launch"))


async def test_time_to_come_by_the_clock_of_redis_is_no_damage(
    redis_client: redis.Redis, settings: Settings, name: str
) -> None:
    """Where this machine's clock is ahead of it, a reader is told so."""
    with pytest.raises(NothingToExplainError, match="that time is to come"):
        await Counting(redis_client, settings).summary(name, 2**45)


async def test_what_is_asked_at_once_is_told_once(redis_client: redis.Redis, settings: Settings, name: str) -> None:
    """Who waits for the same gets the same."""
    told = Counting(redis_client, settings)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(told.summary, name, NOW_MS + 1)
    assert told.count == 1


async def test_answers_that_are_kept_take_no_more_than_they_may(
    redis_client: redis.Redis, settings: Settings, name: str
) -> None:
    """The oldest goes first."""
    told = Counting(redis_client, settings, kept_bytes=6_000)
    for place in (1, 2, 3, 4, 1):
        await told.summary(name, NOW_MS + place)
    assert told.count == 5
    await told.summary(name, NOW_MS + 1)
    assert told.count == 5


async def test_no_more_wait_than_may(redis_client: redis.Redis, settings: Settings, name: str) -> None:
    """The next one is told so at once; whoever waits is not kept from it."""
    told, go = Counting(redis_client, settings), trio.Event()

    async def ask(request: Request) -> Reply:
        await go.wait()
        return reply_to(request)

    told._ask = ask  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        for place in range(MOST_WAITING + 1):
            nursery.start_soon(told.summary, name, NOW_MS + place)
        while told._turn.statistics().tasks_waiting < MOST_WAITING:
            await wait_all_tasks_blocked(0.01)
        with pytest.raises(PastBusyError):
            await told.summary(name, NOW_MS + 999)
        go.set()


async def test_process_that_takes_too_long_is_killed(
    redis_client: redis.Redis, settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its reader is told that it takes too long, and no process is left."""
    monkeypatch.setattr(retellers_module, "TIME_S", 1.0)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "sleeper.py").write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    with pytest.raises(PastSlowError):
        await Retellers(redis_client, settings, module="sleeper").summary(name, NOW_MS + 1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text() or 10**8), 0)


LONG = "import sys, msgspec; sys.stdout.buffer.write(msgspec.msgpack.encode({'summary': b'x' * 20_000}))"


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('no reply')", LONG])
async def test_process_that_ends_without_an_answer_is_told(
    redis_client: redis.Redis, settings: Settings, name: str, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also one that says more than may be read."""
    monkeypatch.setattr(retellers_module, "MAX_REPLY_BYTES", 10_000)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "mute.py").write_text(code)
    with pytest.raises(ArchiveUnavailableError, match="ended without an answer"):
        await Retellers(redis_client, settings, module="mute").summary(name, NOW_MS + 1)


def test_process_is_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it reads anything of an archive: memory, processor time, and an end by itself."""
    calls: list[tuple[str, Any]] = []
    monkeypatch.setattr(retelling_process, "confine_memory", lambda most: calls.append(("memory", most)))
    monkeypatch.setattr(signal, "alarm", lambda after_s: calls.append(("alarm", after_s)))
    monkeypatch.setattr(os, "nice", lambda by: calls.append(("nice", by)))
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: calls.append(("limit", to)))

    def reply(request: Request) -> Reply:
        calls.append(("reply", request))
        return Reply()

    monkeypatch.setattr("orchestrator.service.retelling.reply_to", reply)
    request = msgspec.msgpack.encode(Request("file:///nowhere", "b"))

    class Stream:
        def __init__(self) -> None:
            self.buffer = self

        def read(self) -> bytes:
            return request

        def write(self, data: bytes) -> None:
            calls.append(("said", data))

        def flush(self) -> None: ...

    monkeypatch.setattr(sys, "stdin", Stream())
    monkeypatch.setattr(sys, "stdout", Stream())
    retelling_process.main()
    names = [name for name, _ in calls]
    assert sorted(names[:4]) == ["alarm", "limit", "memory", "nice"]
    assert names[4:] == ["reply", "said"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (NothingToExplainError("a"), NothingToExplainError),
        (ArchiveUnavailableError("a"), ArchiveUnavailableError),
        (ArchiveError("a"), ArchiveError),
        (MemoryError(), ArchiveError),
    ],
)
def test_what_goes_wrong_is_told_over_the_wire(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    """Each error is the same on the other side."""

    def fail(*_: object) -> Reply:
        raise error

    monkeypatch.setattr("orchestrator.service.retelling._reply", fail)
    reply = msgspec.msgpack.decode(msgspec.msgpack.encode(reply_to(Request(settings.archive_url, "b"))), type=Reply)
    with pytest.raises(raised) as caught:
        reply.checked()
    assert type(caught.value) is raised


async def test_what_waits_for_the_archive_goes_along(redis_client: redis.Redis, settings: Settings, name: str) -> None:
    """The archive is asked for the way to the commit before; without a commit there is nothing."""
    keys = BrandKeys.of(name)
    redis_client.hset(keys.meta, "cid", "c9")
    told = Counting(redis_client, settings)
    with pytest.raises(ArchiveError, match="no record of commit 'c9'"):
        await told.summary(name, NOW_MS + 1)
    head = {"record": 1, "nowMs": 1, "cid": "c3", "previous": "c2", "items": 0, "size": 0, "epoch": 1, "version": 3}
    redis_client.rpush(keys.records, json.dumps(head | {"clockMs": 1, "summaryMs": 1, "settings": {}}))
    assert json.loads((await told.explain(name, Wanted("total"))).body)["commit"] == "c3"
    with pytest.raises(NothingToExplainError, match="is in the archive yet"):
        await told.summary(f"{name} x", NOW_MS)


def test_window_is_the_brands_own(redis_client: redis.Redis, settings: Settings, name: str) -> None:
    """Where it has one; what cannot be read says nothing."""
    own = Fingerprint({"SUMMARY_WINDOW_SEC": 60}, {"SUMMARY_WINDOW_SEC": 172_800}).text()
    for text, window_ms in ((own, 172_800_000), ("{", 86_400_000), ('{"SUMMARY_WINDOW_SEC": 60}', 60_000)):
        redis_client.hset(BrandKeys.of(name).meta, "settings", text)
        assert moment_of(redis_client, settings, name, None)[0].window_ms == window_ms
