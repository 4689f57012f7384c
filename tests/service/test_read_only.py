"""The service where nothing can be written, as a stranger to the system: ``docker run --read-only`` without a tmpfs.

A mount namespace of its own in which every mount is read-only, and in it a user that no file belongs to. Only what the
kernel keeps in memory for a process can be written there, which is what a trial of a suspect chunk needs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.keys import BrandKeys
from orchestrator.lane.suspects import TRIAL_ATTEMPTS
from tests.polling import until
from tests.service_process import running_service

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from tests.redis_server import RedisServer

_WRITABLE = 77
_SCRIPT = f"""
mount --make-rprivate / || exit {_WRITABLE}
cut -d' ' -f5 /proc/self/mountinfo | while read -r target; do
  case $target in /proc*) ;; *) mount -o remount,bind,ro "$target" 2>/dev/null ;; esac  # /proc: the user is set there
done
for folder in / /tmp /var/tmp /dev/shm "$PWD"; do
  if (: > "$folder/written") 2>/dev/null; then rm -f "$folder/written"; exit {_WRITABLE}; fi
done
exec unshare --user --map-user=10001 --map-group=10001 "$@"
"""
_NAMESPACE = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--mount", "sh", "-c", _SCRIPT, "sh")


@pytest.fixture(scope="module")
def prefix() -> tuple[str, ...]:
    """What a command is started with; the test is skipped where that cannot be had."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on PATH")
    tried = subprocess.run([*_NAMESPACE, "id", "-u"], capture_output=True, text=True, check=False, cwd="/")
    if (tried.returncode, tried.stdout.strip()) != (0, "10001"):
        pytest.skip(f"no namespace whose mounts are read-only: {tried.stderr.strip() or tried.returncode}")
    return _NAMESPACE


async def test_a_poison_chunk_is_settled_where_nothing_can_be_written(
    redis_server: RedisServer, redis_client: redis.Redis, brand: str, tmp_path: Path, prefix: tuple[str, ...]
) -> None:
    """Its trial is held, it alone goes to the dead letters, and the innocent suspect behind it is counted."""
    keys = BrandKeys.of(brand)
    redis_client.sadd("brands:set", brand)
    chunk = {"brand": brand, "sentiment": {"score": 1}, "clusters": []}
    items = [json.dumps(chunk | {"chunkId": name}) for name in ("poison:bug:0", "innocent")]
    redis_client.hset(keys.meta, "attempts", TRIAL_ATTEMPTS)
    redis_client.rpush(keys.queue, *items)
    settings = {"ORCHESTRATOR_FAILPOINTS": "chunk", "PYTHONDONTWRITEBYTECODE": "1"}
    async with running_service(tmp_path, redis_server.url, prefix=prefix, **settings) as service:
        await until(lambda: not redis_client.exists(keys.queue))
        health = (await service.get("/health")).json()
        assert await service.stop() == 0
    (letter,) = redis_client.lrange(keys.failed, 0, -1)
    assert json.loads(letter)["reason"] == "poison"
    assert json.loads(redis_client.get(keys.summary) or "{}")["totalChunks"] == 1
    assert health["status"] == "ok"
