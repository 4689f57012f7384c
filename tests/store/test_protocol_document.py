"""What docs/redis-protocol.md says of keys, codes and permissions is true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.history import Minute
from orchestrator.contract.keys import BrandKeys
from orchestrator.letters.reading import slice_of
from orchestrator.store import Store, connect
from orchestrator.store.audit import read_audit, write_audit
from orchestrator.store.codes import Code
from orchestrator.store.fleet import read_fleet
from orchestrator.store.history import read_history, record, take_turn
from orchestrator.store.letters import Sent, marks, mend
from orchestrator.store.locks import break_lock
from orchestrator.store.orphans import search
from orchestrator.store.pauses import all_paused, pause, resume
from orchestrator.store.preflight import Verdict, examine
from orchestrator.store.purge import look, purge
from tests.redis_server import RedisServer, servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

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


@pytest.fixture(params=servers(), ids=str)
def permitted(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """A client whose user has exactly the documented permissions."""
    block = re.search(r"```acl\n(.*?)```", DOCUMENT, re.DOTALL)
    assert block is not None
    with RedisServer(request.param, ["--appendonly", "yes"]) as server:
        rules = ["reset", "on", ">secret", *block.group(1).split()]
        admin = server.client()
        admin.execute_command("ACL", "SETUSER", "orchestrator", *rules)  # type: ignore[no-untyped-call]
        admin.close()
        client = connect(f"{server.url}?username=orchestrator&password=secret", timeout_s=5.0, pool_size=2)
        yield client
        client.close()


def test_documented_permissions_suffice(permitted: redis.Redis) -> None:
    """A user with exactly these permissions passes the preflight."""
    findings = {
        finding.check: finding.detail
        for finding in examine(permitted, archive=True)
        if finding.verdict is not Verdict.OK
    }
    assert findings == {}


def test_documented_permissions_let_operators_act(permitted: redis.Redis) -> None:
    """And look: the audit list, pauses, dead letters, locks, purges, the history, and queues of nobody's."""
    keys = BrandKeys.of("acme")
    permitted.sadd("brands:set", "acme")
    permitted.rpush(keys.failed, "letter")
    permitted.rpush(BrandKeys.of("acme ").queue, "x")
    act = write_audit(permitted, "ann", "pause", "acme")
    assert read_audit(permitted, 1) == [act]
    assert list(pause(permitted, ["acme"], by="ann")) == ["acme"]
    assert list(resume(permitted, all_paused(permitted))) == ["acme"]
    (letter,), total = slice_of(permitted, "acme", 0, -1)
    sent = Sent(letter.index, letter.raw, before=b"", payload=b"x")
    assert (total, mend(permitted, "acme", [sent], who="ann", queue=keys.queue)) == (1, [True])
    assert marks(permitted, "acme", [b"x"]) != [None]
    store = Store(permitted)
    token = store.acquire("acme", store.new_token("o")).token
    assert break_lock(permitted, "acme", token.encode())
    record(permitted, Minute(take_turn(permitted, "o") or 0))
    assert len(read_history(permitted)) == 1
    found = search(permitted, ["acme"])
    assert (found.chunks, found.size is None) == (1, False)
    assert [one.brand for one in read_fleet(permitted, ["brands:set"]).brands] == ["acme"]
    assert look(permitted, "acme").queued == 1
    purge(permitted, "acme", queue=True, letters=True)
    assert not permitted.exists(keys.queue, keys.failed)
