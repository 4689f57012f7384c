"""Whatever runs them: each unit comes back once; one that fails, or kills its process, leaves the others alone."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import EngineError
from orchestrator.rebuild import engines
from orchestrator.rebuild.cluster import Dask, scheduler_of
from orchestrator.rebuild.engines import Engine, Fault, Here, Processes
from tests.bounds import at_most
from tests.rebuild.units import Unit, work

ENGINES = [Here(), Processes(1), Processes(2), Dask("dask", 2)]


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.told)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of them."""
    found: Engine = request.param
    return found


def test_every_unit_comes_back_once_whatever_runs_it(engine: Engine) -> None:
    """What it gave, or in one line without secrets why it gave nothing; more units than are handed out at a time."""
    good = [Unit(number) for number in range(30)]
    bad = [Unit(100, "refuse"), Unit(101, "fail"), Unit(102, "give what cannot be sent")]
    found = list(engine.run(work, [*good[:20], *bad, *good[20:]]))
    given = dict(found)
    assert len(found) == len(given) == 33
    assert [given[unit] for unit in good] == [number * 2 for number in range(30)]
    assert given[bad[0]] == Fault("there is no record of commit 'a'")
    assert given[bad[1]] == Fault("ZeroDivisionError: of redis://:***@host, on two lines")
    if not isinstance(engine, Here):
        refused = given[bad[2]]
        assert isinstance(refused, Fault)
        assert "pickle" in refused.told


def test_nothing_to_do_needs_nothing(engine: Engine) -> None:
    """No unit, no result."""
    assert list(engine.run(work, [])) == []


def test_unit_that_kills_each_process_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was tried again, because of one death something else may have been the cause."""
    at_most(monkeypatch, engines, "_pool", 10)
    units = [Unit(1), Unit(2, "die"), *map(Unit, range(3, 12))]
    found = dict(Processes(2).run(work, units))
    assert len(found) == len(units)
    fault = found.pop(units[1])
    assert isinstance(fault, Fault)
    assert "died of it" in fault.told
    assert sorted(found.values()) == [number * 2 for number in (1, *range(3, 12))]  # type: ignore[type-var]


@pytest.mark.parametrize("engine", [Processes(2), Dask("dask", 2)], ids=lambda engine: engine.told)
def test_process_that_is_killed_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """From outside, once, in the middle of a unit: that one is run again, and all come back."""
    units = [Unit(1), Unit(2, "die once", str(tmp_path / "died")), *map(Unit, range(3, 12))]
    found = list(engine.run(work, units))
    assert len(found) == len(units)
    assert dict(found) == {unit: unit.number * 2 for unit in units}
    assert (tmp_path / "died").exists()


def test_who_only_lay_beside_what_kills_workers_goes_on() -> None:
    """Dask accuses all that a worker had when it died; here from the first death on."""
    dask: Any = importlib.import_module("dask")
    units = [*map(Unit, range(6)), Unit(6, "die"), *map(Unit, range(7, 12))]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        found = dict(Dask("dask", 1).run(work, units))
    fault = found.pop(units[6])
    assert isinstance(fault, Fault)
    assert "died of it" in fault.told
    assert found == {unit: unit.number * 2 for unit in units if unit.number != 6}


def test_cluster_whose_workers_do_not_come_again_is_followed_by_another_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was handed out is done there, once each; after some clusters it is told instead of waited for."""
    nanny: Any = importlib.import_module("distributed").Nanny

    async def stay_away(_: Any, __: int) -> None:
        """As where a worker died while it started."""

    monkeypatch.setattr(nanny, "_on_worker_exit", stay_away)
    monkeypatch.setattr("orchestrator.rebuild.cluster._NO_WORKERS_S", 1)
    units = [Unit(1), Unit(2, "die once", str(tmp_path / "died")), *map(Unit, range(3, 12))]
    found = list(Dask("dask", 1).run(work, units))
    assert len(found) == len(units)
    assert dict(found) == {unit: unit.number * 2 for unit in units}
    monkeypatch.setattr("orchestrator.rebuild.cluster._CLUSTERS", 1)
    with pytest.raises(EngineError, match="no worker is left"):
        list(Dask("dask", 1).run(work, [Unit(1, "die")]))


def test_run_that_is_left_early_ends_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those in the middle of a unit that would never end, before it waits for them."""
    shutdown, ended = ProcessPoolExecutor.shutdown, []

    def noting(pool: ProcessPoolExecutor, **named: Any) -> None:
        for process in list(pool._processes.values()):
            process.join(5)
            ended.append(process.exitcode)
            process.kill()  # else nothing would ever end
        shutdown(pool, **named)

    monkeypatch.setattr(ProcessPoolExecutor, "shutdown", noting)
    running = Processes(2).run(work, [Unit(1), Unit(2, "never end"), Unit(3, "never end")])
    assert next(running) == (Unit(1), 2)
    running.close()  # type: ignore[attr-defined]
    assert ended == [-signal.SIGTERM] * 2


@pytest.mark.parametrize("engine", [Dask("dask", 1), Processes(1)], ids=lambda engine: engine.told)
def test_processes_are_deaf_to_ctrl_c_from_the_beginning(engine: Engine) -> None:
    """One that still starts would say what line it was at. The first one hears as before."""
    assert list(engine.run(work, [Unit(1, "tell whether it is deaf")])) == [(Unit(1, "tell whether it is deaf"), True)]
    assert work(Unit(1, "tell whether it is deaf")) is False


def test_ctrl_c_ends_all_and_says_so_once(tmp_path: Path) -> None:
    """It reaches every process of a terminal; the first one decides, the others say nothing."""
    code = (
        "from tests.rebuild.units import Unit, work\n"
        "import signal\n"
        "from orchestrator.rebuild.engines import Processes\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it\n"
        f"    units = [Unit(1, 'tell', {str(tmp_path / 'began')!r}), Unit(2, 'never end')]\n"
        "    try:\n"
        "        for found in Processes(2).run(work, units):\n"
        "            print('began', flush=True)\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped', flush=True)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("stopped\n", "")


@pytest.mark.parametrize(
    ("address", "scheduler"),
    [
        ("dask", ""),
        ("dask://host", "tcp://host:8786"),
        ("dask://host:1/", "tcp://host:1"),
        ("dask+tls://10.0.0.1:8786", "tls://10.0.0.1:8786"),
        ("dask://[::1]:8786", "tcp://[::1]:8786"),
    ],
)
def test_scheduler_has_an_address_in_dasks_words(address: str, scheduler: str) -> None:
    """Or none: then it is one of this machine."""
    assert scheduler_of(address) == scheduler


@pytest.mark.parametrize(
    "address", ["tcp://host:8786", "dask://", "dask://host:x", "dask://u:secret@host", "dask://h/x"]
)
def test_address_that_is_no_schedulers_is_refused(address: str) -> None:
    """With what would be right, and without what may be a password."""
    with pytest.raises(EngineError, match=r"expected dask://HOST:8786") as refused:
        scheduler_of(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("failures", [2, 3])
def test_cluster_whose_worker_dies_while_it_starts_is_begun_again(
    monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """It is told each time; after some there is an end, with what was wrong."""
    distributed, told, left = pytest.importorskip("distributed"), list[str](), [failures]
    real = distributed.LocalCluster

    def begin(**options: object) -> object:
        if left[0]:
            left[0] -= 1
            raise KeyError("comm")
        return real(**options)

    monkeypatch.setattr(distributed, "LocalCluster", begin)
    engine = Dask("dask", 1, told.append)
    if failures == 2:
        assert list(engine.run(work, [Unit(21)])) == [(Unit(21), 42)]
    else:
        with pytest.raises(EngineError, match="of this machine does not start: KeyError: 'comm'"):
            list(engine.run(work, [Unit(21)]))
    assert told == ["a Dask cluster of this machine does not start: KeyError: 'comm'; it is tried again."] * 2


def test_cluster_without_its_package_or_scheduler_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    monkeypatch.setattr("orchestrator.rebuild.cluster._CONNECT_S", 0.2)
    with pytest.raises(EngineError, match=r"no Dask scheduler at dask://127.0.0.1:1"):
        list(Dask("dask://127.0.0.1:1").run(work, [Unit(1)]))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match=r"pip install 'service3-orchestrator\[dask\]'"):
        list(Dask("dask").run(work, [Unit(1)]))
