"""Killing ``failed retry`` at random instants: what becomes of the letters.

Run as ``python -m tests.faults.letter_kills LETTERS KILLS`` for a campaign; ``make test`` runs a small one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.keys import BrandKeys
from orchestrator.store.embedded import find_servers
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    import redis

BRAND = "acme"
KEYS = BrandKeys.of(BRAND)


def fill(client: redis.Redis, letters: int) -> Counter[bytes]:
    """*letters* dead letters, each with a payload of its own; returns the payloads."""
    payloads = [b'{"chunkId":"c-%d","x":"%s"}' % (number, b"y" * (number % 300)) for number in range(letters)]
    for start in range(0, letters, 500):
        entries = [
            DeadLetter.of(item, brand=BRAND, reason="r", path="$", now_ms=start, orchestrator_id="o").encode()
            for item in payloads[start : start + 500]
        ]
        client.rpush(KEYS.failed, *entries)
    return Counter(payloads)


def retry(url: str) -> subprocess.Popen[bytes]:
    """A process that sends all of them again."""
    code = "from orchestrator.cli.program import main; main()"
    command = [sys.executable, "-c", code, "failed", "retry", BRAND, "--all"]
    surroundings = {"PATH": os.environ["PATH"], "REDIS_URL": url}
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def found(client: redis.Redis) -> Counter[bytes]:
    """All payloads that are in the list or in the queue, in one snapshot."""
    import msgspec  # noqa: PLC0415 - only here

    with client.pipeline(transaction=True) as pipeline:
        pipeline.lrange(KEYS.failed, 0, -1)
        pipeline.lrange(KEYS.queue, 0, -1)
        entries, queued = pipeline.execute()
    inside: list[Any] = [msgspec.json.decode(entry)["payload"].encode() for entry in entries]
    return Counter(inside) + Counter(queued)


def campaign(client: redis.Redis, url: str, letters: int, kills: int, *, at_once: int = 1) -> tuple[int, int, int]:
    """Kill retries at random instants, then let one end; returns letters lost, letters doubled, kills that hit one.

    A kill comes when a random number of letters was moved by the process or, if it is faster, after its end.
    """
    pushed = fill(client, letters)
    struck = lost = doubled = 0
    for kill in range(kills):
        processes = [retry(url) for _ in range(at_once)]
        there = int(client.llen(KEYS.queue))
        goal = there + random.randrange(max(1, 2 * (letters - there) // (kills - kill)))  # noqa: S311 - no secret
        while any(process.poll() is None for process in processes):
            if int(client.llen(KEYS.queue)) > goal:
                break
            time.sleep(0)
        for process in processes:
            struck += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        now = found(client)
        lost, doubled = lost + (pushed - now).total(), doubled + (now - pushed).total()
    for process in [retry(url) for _ in range(at_once)]:
        assert process.wait() == 0
    assert client.llen(KEYS.failed) == 0
    now = found(client)
    return lost + (pushed - now).total(), doubled + (now - pushed).total(), struck


def main() -> None:
    """Say what became of them."""
    letters, kills, at_once = map(int, sys.argv[1:4])
    with RedisServer(find_servers()[0]) as server:
        client = server.client()
        lost, doubled, struck = campaign(client, server.url, letters, kills, at_once=at_once)
        print(f"{letters} letters, {struck} processes killed at work: {lost} lost, {doubled} doubled")  # noqa: T201
        client.close()


if __name__ == "__main__":
    main()
