"""What the tutorial and the guides show does what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trio

from orchestrator.contract.decode import decode_batch
from tests.redis_server import RedisServer
from tests.webhook_receiver import Receiver, receiving

ROOT = Path(__file__).parent.parent
GUIDES = ROOT / "docs" / "how-to"


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of *language* in *page*."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def typed(text: str) -> str:
    """What is typed of a console's block: lines behind the prompt, and all of a here document."""
    return "".join(line.removeprefix("$ ") for line in text.splitlines(keepends=True))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    made = Path(tempfile.mkdtemp(prefix="tutorial-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_tutorial_runs(folder: Path) -> None:
    """All its commands in one shell, with another folder, port and interpreter; the first look at a summary waits."""
    port = free_port()
    python = shlex.quote(sys.executable)
    script = "\n".join(typed(block) for block in blocks(ROOT / "docs" / "tutorial.md", "console"))
    for shown, here in (
        (".venv/bin/orchestrator", "PYTHON -m orchestrator"),
        (".venv/bin/python", "PYTHON"),
        ("/tmp/first-summary", str(folder / "first")),  # noqa: S108 - the page's folder, which is not used here
        ("localhost:9000", f"127.0.0.1:{port}"),
        ("PYTHON -m orchestrator summary acme\n", "again PYTHON -m orchestrator summary acme\n"),
        ("PYTHON", python),
    ):
        assert shown in script
        script = script.replace(shown, here)
    again = 'again() { for n in $(seq 300); do "$@" 2>/dev/null && return; sleep 0.2; done; "$@"; }\n'
    on_exit = f"trap 'set +e; kill %1 2>/dev/null; test -e {folder}/first/redis.sock && {python} -c \"{STOP}\"' EXIT\n"
    environment = os.environ | {"HTTP_PORT": str(port), "PROMETHEUS_PORT": "0", "COLUMNS": "100"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", on_exit + again + script],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("3 mentions in 1 chunk\n") == 2, done.stdout
    assert "Launch party" in done.stdout
    documents = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"brand":')]
    assert [found["totalMentions"] for found in documents] == [3, 3]
    assert not (folder / "first").exists()


STOP = "import os, redis; redis.Redis.from_url(os.environ['REDIS_URL']).shutdown()"


def test_tutorial_starts_the_demo() -> None:
    """``make run`` is the demo, which has tests of its own."""
    assert "\nmake run\n" in (ROOT / "docs" / "tutorial.md").read_text()
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "run"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    assert told.stdout.splitlines()[-1] == ".venv/bin/orchestrator demo"


def names_of(page: str) -> dict[str, Any]:
    """What the script of a guide defines."""
    (script,) = blocks(GUIDES / page, "python")
    names: dict[str, Any] = {"__name__": "guide"}
    exec(script, names)  # noqa: S102 - text of this repository
    return names


def chunk(number: int, **changes: object) -> bytes:
    """A message as a worker writes it."""
    document = {"chunkId": f"c{number}", "brand": "acme", "sentiment": {"score": 0.5}, "clusters": []}
    return json.dumps(document | changes).encode()


class Source:
    """A queue that says again what was not confirmed."""

    def __init__(self, *messages: bytes) -> None:
        self.left = list(messages)
        self.dies_at: bytes | None = None

    def __iter__(self) -> Iterator[tuple[bytes, Callable[[], None]]]:
        for data in list(self.left):
            yield data, lambda data=data: self.confirm(data)  # type: ignore[misc]

    def confirm(self, data: bytes) -> None:
        """Forget *data*, unless this is where the bridge is killed."""
        if data == self.dies_at:
            raise KeyboardInterrupt
        self.left.remove(data)


def test_bridge_carries_each_message_and_repeats_what_was_not_confirmed() -> None:
    """Killed between the push and the confirmation, it pushes the same chunk again, under the same name."""
    carry = names_of("kafka-or-sqs.md")["carry"]
    source = Source(chunk(1), chunk(2), chunk(3))
    source.dies_at = chunk(2)
    with RedisServer() as server, server.client() as client:
        with pytest.raises(KeyboardInterrupt):
            carry(source, client)
        source.dies_at = None
        carry(source, client)
        items: Any = client.lrange("result:brand:acme:chunks", 0, -1)
        assert [found.chunk_id for found in decode_batch(items, "acme").chunks] == ["c1", "c2", "c2", "c3"]
        assert client.smembers("brands:list") == {b"acme"}
        assert source.left == []
        assert client.exists("bridge:refused") == 0


@pytest.mark.parametrize(
    "bad",
    [b"", b"no json", b"\xff", b"[]", b"1", b"[" * 100_000, chunk(1, sentiment={"score": "x"}), chunk(1, brand="")],
)
def test_bridge_sets_aside_what_is_no_chunk(bad: bytes) -> None:
    """With its bytes and the reason; what is behind it is carried on."""
    carry = names_of("kafka-or-sqs.md")["carry"]
    source = Source(bad, chunk(2))
    with RedisServer() as server, server.client() as client:
        carry(source, client)
        assert source.left == []
        assert client.llen("result:brand:acme:chunks") == 1
        (refused,) = client.lrange("bridge:refused", 0, -1)
        told = json.loads(refused)
        assert told["reason"]
        assert names_of("kafka-or-sqs.md")["base64"].b64decode(told["base64"]) == bad


def test_bridge_waits_while_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is confirmed before it was pushed."""
    names = names_of("kafka-or-sqs.md")
    source = Source(chunk(1), chunk(2))
    with RedisServer() as server, server.client() as client:
        waits: list[list[bytes]] = []

        def make_room(seconds: float) -> None:
            assert seconds == 1
            waits.append(list(source.left))
            client.delete("result:brand:acme:chunks")

        monkeypatch.setattr(names["time"], "sleep", make_room)
        names["carry"](source, client, most_waiting=1)
        assert waits == [[chunk(2)]]
        assert source.left == []


class Record:
    """A message of Kafka."""

    def __init__(self, data: bytes, error: str | None = None) -> None:
        self.data, self.told = data, error

    def value(self) -> bytes:
        """What it says."""
        return self.data

    def error(self) -> str | None:
        """What went wrong in its place."""
        return self.told


def test_sources_confirm_each_message_by_itself() -> None:
    """Kafka by a commit of its record, SQS by deletion under its receipt; an empty answer is no message."""
    names = names_of("kafka-or-sqs.md")
    done: list[object] = []

    class Consumer:
        records: list[Record | None] = [None, Record(b"a"), Record(b"b"), Record(b"", "broker is away")]  # noqa: RUF012

        def poll(self, _: float) -> Record | None:
            return self.records.pop(0)

        def commit(self, *, message: Record, asynchronous: bool) -> None:
            done.append((message.data, asynchronous))

    class Sqs:
        both = ({"Body": "c", "ReceiptHandle": "r"}, {"Body": "d", "ReceiptHandle": "s"})
        answers: list[Any] = [{}, {"Messages": both}]  # noqa: RUF012

        def receive_message(self, **_: object) -> Any:
            return self.answers.pop(0)

        def delete_message(self, **told: str) -> None:
            done.append(told)

    kafka = names["from_kafka"](Consumer())
    (first, confirm_first), (second, confirm_second) = next(kafka), next(kafka)
    confirm_first()
    confirm_second()
    with pytest.raises(RuntimeError, match="broker is away"):
        next(kafka)
    sqs = names["from_sqs"](Sqs(), "https://queue.test/q")
    (third, _), (fourth, confirm_fourth) = next(sqs), next(sqs)
    confirm_fourth()
    assert [first, second, third, fourth] == [b"a", b"b", b"c", b"d"]
    assert done == [(b"a", False), (b"b", False), {"QueueUrl": "https://queue.test/q", "ReceiptHandle": "s"}]


def test_reader_tells_each_newer_summary() -> None:
    """What is there, and what is newer; not what comes again, nor another brand's, nor a step back."""
    with RedisServer() as server, server.client() as client:

        def written(epoch: int, version: int) -> dict[str, int]:
            summary = {"epoch": epoch, "version": version}
            client.set("summary:brand:acme", json.dumps(summary))
            client.publish("summary:updates", json.dumps({"brand": "acme"} | summary))
            return summary

        first = written(7, 1)
        with redis.Redis(unix_socket_path=str(server.socket)) as own:
            found = names_of("reader.md")["summaries"](own, "acme")
            assert next(found) == first
            client.publish("summary:updates", json.dumps({"brand": "other", "epoch": 9, "version": 9}))
            written(6, 9)
            second = written(8, 1)
            assert next(found) == second
            found.close()


async def test_slack_guide_sends_a_test(tmp_path: Path) -> None:
    """Its file of routes is one, and the address comes from the file beside it."""
    (routes,) = blocks(GUIDES / "alerts-to-slack.md", "toml")
    (tmp_path / "routes.toml").write_text(re.sub(r"^   ", "", routes, flags=re.MULTILINE))
    command = "ALERT_ROUTES_FILE=routes.toml orchestrator alerts test chat"
    assert f"       {command}\n" in (GUIDES / "alerts-to-slack.md").read_text()
    chat = Receiver()
    async with receiving(chat) as address:
        (tmp_path / "slack_url").write_text(f"{address}\n")
        await trio.run_process(
            ["bash", "-c", command.replace("orchestrator", f"{shlex.quote(sys.executable)} -m orchestrator")],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_stdout=True,
        )
    ((_, body),) = chat.requests
    told = json.loads(body)
    assert list(told) == ["text"]
    assert told["text"].startswith("TEST")
