"""What docs/redis-protocol.md says of keys, codes and permissions is true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator.contract.keys import BrandKeys
from orchestrator.store import connect
from orchestrator.store.codes import Code
from orchestrator.store.embedded import find_servers
from orchestrator.store.preflight import Verdict, examine
from tests.redis_server import RedisServer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "redis-protocol.md").read_text(encoding="utf-8")


def test_document_names_every_key() -> None:
    """Each key of a brand stands in the table, the generations by their last part."""
    keys = BrandKeys.of("<b>")
    for field in fields(BrandKeys):
        name = getattr(keys, field.name).replace(keys.queue, "<q>")
        assert f"`{name}`" in DOCUMENT or f"`…:{field.name}`" in DOCUMENT, name


def test_document_explains_every_code() -> None:
    """Each code has its row with what the caller does."""
    explained = set(re.findall(r"^\| `([A-Z]+)` \|", DOCUMENT, re.MULTILINE))
    assert explained == set(Code)


@pytest.mark.parametrize("program", find_servers(), ids=str)
def test_documented_permissions_suffice(program: Path) -> None:
    """A user with exactly these permissions passes the preflight."""
    block = re.search(r"```acl\n(.*?)```", DOCUMENT, re.DOTALL)
    assert block is not None
    with RedisServer(program, ["--appendonly", "yes"]) as server:
        rules = ["reset", "on", ">secret", *block.group(1).split()]
        admin = server.client()
        admin.execute_command("ACL", "SETUSER", "orchestrator", *rules)  # type: ignore[no-untyped-call]
        admin.close()
        client = connect(f"{server.url}?username=orchestrator&password=secret", timeout_s=5.0, pool_size=2)
        assert {finding.check: finding.detail for finding in examine(client) if finding.verdict is not Verdict.OK} == {}
        client.close()
