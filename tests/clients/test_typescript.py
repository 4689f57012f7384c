"""The TypeScript package: its own tests, and chunks that it pushed to the real service.

Skipped, by name, where there is no Node 20 or npm cannot reach its registry. It is installed and built in a folder of
its own, with what it reads beside it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trio

from tests.redis_server import RedisServer
from tests.service_process import DEADLINE_S, Updates, running_service

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients" / "typescript"
NAME = "@service3/orchestrator-worker"
OLDEST_NODE = 20
BRAND = "Grüße {a} 🚀"
AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT")
"""How npm says that it cannot reach its registry."""


def ran(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What *command* said."""
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed from its lock and compiled, the example of its page with it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node, or no npm")
    version = ran("node", "--version", cwd=ROOT).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node is {version}, the package needs {OLDEST_NODE}")
    root = tmp_path_factory.mktemp("typescript")
    folder = root / "clients" / "typescript"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copy(ROOT / "clients" / "cases.json", folder.parent)
    shutil.copytree(ROOT / "docs" / "schemas", root / "docs" / "schemas")
    [example] = re.findall(r"```ts\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (folder / "test" / "readme.ts").write_text(example.replace(NAME, "../src/index.js"), encoding="utf-8")
    installed = ran("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", cwd=folder)
    if installed.returncode and any(word in installed.stderr for word in AWAY):
        pytest.skip("npm does not reach its registry")
    assert installed.returncode == 0, installed.stderr
    compiled = ran("npm", "run", "build", cwd=folder)
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    return folder


def test_lock_names_no_registry() -> None:
    """Whoever installs takes the registry that is set up; versions and checksums are fixed."""
    lock = json.loads((PACKAGE / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("integrity" in entry and "resolved" not in entry for entry in packages.values())
    for name, version in wanted["devDependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_its_own_tests_pass(built: Path) -> None:
    """Names, checks and batches: among them every case that Python and the service agree on."""
    found = ran("npm", "test", cwd=built)
    assert found.returncode == 0, found.stdout
    assert "# fail 0" in found.stdout


async def test_service_counts_what_it_pushed_once(built: Path, tmp_path: Path) -> None:
    """By ioredis and by node-redis; the same work again, with another result, is a repetition."""
    with RedisServer() as server, server.client() as client:
        updates = Updates(client)
        async with running_service(tmp_path, server.url) as service:
            await service.logged("redis answers")
            command = ["node", "dist/test/service.js", str(server.socket), BRAND]
            with trio.fail_after(DEADLINE_S):
                await trio.run_process(command, cwd=built)
            summary = await updates.until(BRAND, lambda found: found["totalChunks"] > 1)
            assert (summary["totalChunks"], summary["totalMentions"], summary["sentiment"]["score"]) == (2, 6, 3)
            assert [(story["label"], story["mentions"]) for story in summary["clusters"]] == [("Late delivery", 6)]
            assert client.llen(f"result:brand:{BRAND}:chunks") == client.exists(f"failed:brand:{BRAND}") == 0
        updates.close()
