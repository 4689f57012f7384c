"""A cluster of Dask that is there already: scheduler and workers are processes of their own, with certificates."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from orchestrator.archive.snapshot import encode
from orchestrator.errors import EngineError
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.cluster import Dask
from orchestrator.rebuild.task import Task, rebuild, state_of
from tests.rebuild.dask_processes import cluster, worker
from tests.rebuild.support import KEY, LOOSER, archived, folded, history, url_of
from tests.rebuild.units import Unit, work


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
            made = replace(state_of(objects, task), earlier=None)
            assert encode(made) == encode(folded(records, LOOSER).snapshot())


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
