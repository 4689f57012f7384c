"""A cluster of Dask that is there already: scheduler and workers are processes of their own, with certificates."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from orchestrator.archive.snapshot import encode
from orchestrator.errors import EngineError
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.cluster import Dask
from orchestrator.rebuild.task import Task, rebuild, state_of
from tests.rebuild.support import KEY, LOOSER, archived, folded, history, url_of
from tests.rebuild.units import Unit, work

ROOT = Path(__file__).parent.parent.parent
START_S = 60.0


@contextmanager
def program(name: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``dask scheduler`` or ``dask worker``."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments]
    told = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def worker(address: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one thread, for the scheduler at that address."""
    with program("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", **environment) as process:
        yield process


@contextmanager
def cluster(
    protocol: str = "tcp", *, count: int = 2, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """A scheduler, its port, and *count* workers."""
    told = environment or {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"{protocol}://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(
            program("scheduler", "--host", address, "--no-dashboard", "--dashboard-address", "127.0.0.1:0", **told)
        )
        started = [stack.enter_context(worker(address, **told)) for _ in range(count)]
        end_s = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < end_s, "the scheduler does not come"
        yield port, started


def test_worker_that_is_killed_meanwhile_changes_nothing(tmp_path: Path) -> None:
    """Of two workers one is killed for good while it folds: all states are there, byte for byte."""
    histories = [history(f"brand {number}", commits=8, each=8) for number in range(12)]
    archive, place = url_of(tmp_path / "archive"), url_of(tmp_path / "place")
    archived(archive, *histories)
    tasks = [Task(archive, place, records[0].brand, records[-1].cid, LOOSER, hash_key=KEY) for records in histories]
    with cluster() as (port, workers):
        running = Dask(f"dask://127.0.0.1:{port}").run(rebuild, tasks)
        found = [next(running)]
        workers[0].kill()
        found += running
    assert [task for task, _ in sorted(found, key=lambda pair: tasks.index(pair[0]))] == tasks
    with Objects.open(place) as objects:
        for task, records in zip(tasks, histories, strict=True):
            assert encode(state_of(objects, task)) == encode(folded(records, LOOSER).snapshot())


def test_scheduler_with_certificates_is_for_those_who_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's own configuration says so, on each side; without a certificate of that authority nobody is let in."""
    dask: Any = pytest.importorskip("dask")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "mine.pem")
    mine, tls = str(tmp_path / "mine.pem"), "distributed.comm.tls"
    client = {f"{tls}.ca-file": str(tmp_path / "ca.pem"), f"{tls}.client.cert": mine, f"{tls}.client.key": mine}
    environment = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}
    environment["DASK_DISTRIBUTED__COMM__TLS__CA_FILE"] = str(tmp_path / "ca.pem")
    for side in ("SCHEDULER", "WORKER"):
        for kind in ("CERT", "KEY"):
            environment[f"DASK_DISTRIBUTED__COMM__TLS__{side}__{kind}"] = mine
    monkeypatch.setattr("orchestrator.rebuild.cluster._CONNECT_S", 2)
    with cluster("tls", environment=environment) as (port, _):
        engine = Dask(f"dask+tls://127.0.0.1:{port}")
        with pytest.raises(EngineError, match="no Dask scheduler"):
            list(engine.run(work, [Unit(1)]))
        monkeypatch.setattr("orchestrator.rebuild.cluster._CONNECT_S", 30)
        with dask.config.set(client):
            assert list(engine.run(work, [Unit(21)])) == [(Unit(21), 42)]


def test_scheduler_that_goes_away_ends_the_run() -> None:
    """With a sentence; what is done is done, and the same command goes on with the rest."""
    with cluster() as (port, workers):
        running = Dask(f"dask://127.0.0.1:{port}").run(work, [Unit(1), Unit(2, "never end"), Unit(3, "never end")])
        assert next(running) == (Unit(1), 2)
        del workers
    with pytest.raises(EngineError, match="went away, or gave the work up"):
        list(running)


def test_scheduler_without_workers_is_waited_for_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at once; a worker that comes then does the work, and without one there is an end."""
    monkeypatch.setattr("orchestrator.rebuild.cluster._LOOK_S", 0.05)
    told: list[str] = []
    with cluster(count=0) as (port, _), ExitStack() as late:
        address = f"127.0.0.1:{port}"

        def tell(line: str) -> None:
            told.append(line)
            late.enter_context(worker(f"tcp://{address}"))

        assert list(Dask(f"dask://{address}", tell=tell).run(work, [Unit(1), Unit(2)])) == [(Unit(1), 2), (Unit(2), 4)]
        assert told == [f"No worker at dask://{address} yet; one is waited for, for 300 s."]
        late.close()
        monkeypatch.setattr("orchestrator.rebuild.cluster._NOT_OURS_S", 0)
        with pytest.raises(EngineError, match=f"Dask at dask://{address}: it has had no worker for 0 s"):
            list(Dask(f"dask://{address}").run(work, [Unit(1)]))
