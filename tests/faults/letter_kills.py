"""Killing everybody while ``failed retry`` works: what becomes of the letters.

Killed with -9 are the commands, the Redis under them (with an append-only file that is written always) and, where one
runs, the orchestrator that folds what comes out of the list. Without an orchestrator every letter is looked for after
every kill: it is in the list or in the queue, once. With one the letters are chunks, half of which were counted before,
and in the end each counts once.

Run as ``python -m tests.faults.letter_kills LETTERS KILLS COMMANDS [service]`` for a campaign, where so many commands
work at once; the tests run small ones.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.keys import BrandKeys
from tests.redis_server import RedisServer

BRAND = "acme"
KEYS = BrandKeys.of(BRAND)
ROOT = Path(__file__).parents[2]
DEADLINE_S = 300.0
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")


def payload(number: int) -> bytes:
    """A chunk of its own that is refused for its brand, of some bytes."""
    chunk = {
        "brand": "ACME",
        "chunkId": f"c-{number}",
        "sentiment": {"positive": 1, "neutral": 1, "negative": 0, "score": 1},
        "topics": [],
        "clusters": [],
        "note": "y" * (number % 300),
    }
    return msgspec.json.encode(chunk)


@dataclass
class Campaign:
    """One Redis, one list of letters, commands that send them again, and what is killed meanwhile.

    Attributes:
        letters: so many are put into the list.
        at_once: so many commands send all of them.
        serving: an orchestrator folds what they send.
        lost, doubled: letters, summed over all looks.
        struck: kills that hit somebody at work, by whom.
    """

    letters: int
    at_once: int = 1
    serving: bool = False
    lost: int = 0
    doubled: int = 0
    struck: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        self._server = RedisServer(arguments=ALWAYS)
        self._server.start()
        self._client: Any = self._server.client()
        self._folder = tempfile.TemporaryDirectory()
        self._service: subprocess.Popen[bytes] | None = None
        self._commands: list[subprocess.Popen[bytes]] = []
        self._pushed = Counter(payload(number) for number in range(self.letters))
        self._fill()
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self._commands, *([self._service] if self._service else [])]:
            process.kill()
            process.wait()
        self._client.close()
        self._server.__exit__(None, None, None)
        self._folder.cleanup()

    def _fill(self) -> None:
        if self.serving:
            self._client.sadd("brands:set", BRAND)
            self._serve()
            right = [item.replace(b"ACME", b"acme") for item in list(self._pushed)[::2]]
            self._client.rpush(KEYS.queue, *right)  # counted before
            _wait(lambda: self._counted() == len(right))
        items = list(self._pushed)
        for start in range(0, len(items), 500):
            entries = [
                DeadLetter.of(item, brand=BRAND, reason="r", path="$", now_ms=start, orchestrator_id="o").encode()
                for item in items[start : start + 500]
            ]
            self._client.rpush(KEYS.failed, *entries)

    def _start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": self._server.url}
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=self._folder.name,
            env=surroundings | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _serve(self) -> None:
        self._service = self._start("run", HTTP_HOST="127.0.0.1", HTTP_PORT="0", PROMETHEUS_PORT="0", LOCK_TTL_SEC="2")

    def _retry(self, *options: str) -> list[subprocess.Popen[bytes]]:
        mend = ("--set", "brand=acme") if self.serving else ()
        return [self._start("failed", "retry", BRAND, "--all", *mend, *options) for _ in range(self.at_once)]

    def kill(self, kills_left: int) -> None:
        """Start commands and kill one or all of them, or Redis, or the orchestrator, after a random number of letters.

        The commands do twice their share of the kills that are left, at most: so who watches too late leaves letters
        for the next ones. Half of them are held up between their calls, so that most are at work when the kill comes.
        """
        there = self._client.llen(KEYS.failed)
        share = max(1, 2 * there // kills_left // self.at_once)
        rate = ("--rate", str(max(1, share))) if random.random() < 0.5 else ()  # noqa: S311 - no secret
        self._commands = self._retry("--limit", str(share), *rate)
        goal = there - random.randrange(share)  # noqa: S311
        while any(process.poll() is None for process in self._commands) and self._client.llen(KEYS.failed) >= goal:
            time.sleep(0)
        victim = random.choice(["command", "commands", "redis", *(["service"] if self.serving else [])])  # noqa: S311
        at_work = [process for process in self._commands if process.poll() is None]
        self.struck[victim] += bool(at_work)
        if victim == "redis":
            self._server.restart()
            self._client.close()
            self._client = self._server.client()
        elif victim == "service" and self._service is not None:
            self._service.kill()
            self._service.wait()
            self._serve()
        else:
            for process in at_work[: 1 if victim == "command" else None]:
                process.send_signal(signal.SIGKILL)
        for process in self._commands:
            process.wait()
        if not self.serving:
            self._look()

    def _look(self) -> None:
        """Look for all letters: in the list or in the queue, in one snapshot."""
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.lrange(KEYS.failed, 0, -1)
            pipeline.lrange(KEYS.queue, 0, -1)
            entries, queued = pipeline.execute()
        held = (msgspec.json.decode(entry)["payload"].encode() for entry in entries)
        now = Counter(held) + Counter(queued)
        self.lost += (self._pushed - now).total()
        self.doubled += (now - self._pushed).total()

    def take_one_and_double_one(self) -> None:
        """What must not happen."""
        self._client.lpop(KEYS.failed)
        self._client.rpush(KEYS.failed, self._client.lindex(KEYS.failed, 0))

    def end(self) -> None:
        """Let commands do the rest, and look for all letters once more."""
        self._commands = self._retry()
        assert [process.wait() for process in self._commands] == [0] * self.at_once
        assert self._client.llen(KEYS.failed) == 0
        if not self.serving:
            self._look()
            return
        _wait(lambda: self._client.llen(KEYS.queue) == 0)
        assert self._client.llen(KEYS.failed) == 0
        self.lost, self.doubled = max(0, self.letters - self._counted()), max(0, self._counted() - self.letters)

    def _counted(self) -> int:
        summary = self._client.get(KEYS.summary)
        return 0 if summary is None else int(msgspec.json.decode(summary)["totalChunks"])


def _wait(condition: Callable[[], bool]) -> None:
    """Return once *condition* holds: no signal comes from processes that are killed."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def run(letters: int, kills: int, *, at_once: int = 1, serving: bool = False) -> Campaign:
    """A campaign of so many kills."""
    with Campaign(letters, at_once, serving) as campaign:
        for left in range(kills, 0, -1):
            campaign.kill(left)
        campaign.end()
        return campaign


def main() -> None:
    """Say what became of them."""
    letters, kills, at_once = map(int, sys.argv[1:4])
    began_s = time.monotonic()
    done = run(letters, kills, at_once=at_once, serving=sys.argv[4:] == ["service"])
    struck = ", ".join(f"{number} x {victim}" for victim, number in sorted(done.struck.items()))
    print(  # noqa: T201
        f"{letters} letters, {kills} kills, of them at work: {struck}; {done.lost} lost, {done.doubled} doubled,"
        f" {time.monotonic() - began_s:.0f} s"
    )


if __name__ == "__main__":
    main()
