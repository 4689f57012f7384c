"""The long fault-injection campaign: ``python -m tests.torture [--seed N] [CAMPAIGN ...]``, or ``make torture``.

Runs every campaign of ``tests/faults`` at the size that ``docs/reliability.md`` quotes and prints the figures as a
table. Whatever fails prints its seed and its log of faults, and the exit code is 1. Under an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults import (
    archive_faults,
    chunk_faults,
    clock_faults,
    cluster_cap,
    cluster_faults,
    cluster_secured,
    contention,
    corruption,
    damage_faults,
    dear_chunks,
    lossy_failovers,
    process_faults,
    rebuild_faults,
    redis_faults,
    sentinel_faults,
    settings_faults,
    upgrade_faults,
)
from tests.mutants.gate import check_control, survivors
from tests.mutants.guards import python_mutants
from tests.mutants.lua import lua_mutants

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.campaign import Figures

SEED: Final = 20260101
MODEL_EXAMPLES: Final = "300"
GATE_WORKERS: Final = 2

CAMPAIGNS: Final[dict[str, Callable[..., Figures]]] = {
    "orchestrators killed": partial(process_faults.kill_orchestrators, kills=200),
    "orchestrators stopped": partial(process_faults.stop_orchestrators, stops=100),
    "connections broken": partial(process_faults.break_connections, faults=500, duplicates=50),
    "orchestrators ended": partial(process_faults.end_orchestrators, ends=100),
    "redis killed": partial(redis_faults.kill_redis, kills=30),
    "log cut": partial(redis_faults.cut_log, cuts=100),
    "failed over": partial(redis_faults.fail_over, failovers=20),
    "failed over by sentinels": partial(sentinel_faults.fail_over, failovers=10),
    "failed over by sentinels, TLS": partial(sentinel_faults.fail_over, failovers=10, tls=True),
    "server moved": partial(redis_faults.move_server, moves=20),
    "redis full": redis_faults.fill_redis,
    "masters killed": partial(cluster_faults.kill_masters, kills=20),
    "cluster, TLS and logins": partial(cluster_secured.kill_under_tls, kills=10),
    "cluster, lists full": partial(cluster_cap.fill_lists, rounds=12),
    "cluster, failed over": partial(lossy_failovers.fail_over, failovers=8),
    "cluster, orchestrators killed": partial(cluster_faults.kill_orchestrators, kills=25),
    "slots moved": partial(cluster_faults.move_slots, moves=90, held_s=12.0),
    "keys deleted": partial(damage_faults.delete_keys, rounds=5),
    "damaged at rest": partial(damage_faults.damage_at_rest, damages=20),
    "losses accepted": partial(damage_faults.accept_losses, rounds=20),
    "keys evicted": partial(damage_faults.evict_keys, evictions=10),
    "fields corrupted": partial(corruption.corrupt_fields, corruptions=4_000),
    "payloads fuzzed": partial(chunk_faults.fuzz_payloads, payloads=100_000),
    "chunks that kill": partial(chunk_faults.poison, actions=("segfault", "allocate", "segfault")),
    "a chunk that hangs": partial(chunk_faults.poison, actions=("hang",), innocents=4),
    "dear chunks": partial(dear_chunks.push_dear, chunks=10, ids=40_000, labels=10_000),
    "lanes contended": partial(contention.contend, rounds=10),
    "clock of redis set": partial(clock_faults.set_the_servers_clock, rounds=20),
    "clock of one set": clock_faults.set_one_orchestrators_clock,
    "commit in the future": clock_faults.commit_in_the_future,
    "fleet upgraded": partial(upgrade_faults.upgrade_fleet, rounds=60),
    "rebuilt under load": partial(rebuild_faults.rebuild_under_traffic, rebuilds=20),
    "rebuilt under load, Dask": partial(rebuild_faults.rebuild_on_dask, rebuilds=10),
    "rebuilt on a cluster": partial(rebuild_faults.rebuild_on_a_cluster, rebuilds=10),
    "a stale setting": partial(settings_faults.stale_setting, kills=40),
    "archive on, everything killed": partial(archive_faults.kill_everything, kills=100),
    "archive on, log synced always": partial(archive_faults.kill_everything, kills=40, always=True),
    "archive on, cluster": partial(archive_faults.kill_on_a_cluster, kills=25),
    "death at every step": chunk_faults.die_at_every_step,
}


MODELS: Final = ("tests/faults/test_model.py", "tests/layout/test_any_order.py")


def model(_folder: Path, *, seed: int) -> Figures:
    """The stateful models with many more examples than in ``make test``."""
    environment = os.environ | {"ORCHESTRATOR_TEST_EXAMPLES": MODEL_EXAMPLES}
    command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={seed}", *MODELS]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:]
    return {"examples": 2 * int(MODEL_EXAMPLES) + int(MODEL_EXAMPLES) // 3}


def properties(_folder: Path, *, seed: int) -> Figures:
    """Every property test that names no number of examples, with ten times as many of them as in ``make test``."""
    options = ["-m", "hypothesis", "--hypothesis-profile=torture", f"--hypothesis-seed={seed}", "-n", str(GATE_WORKERS)]
    command = [sys.executable, "-m", "pytest", "-q", *options, "--dist", "loadfile", "--no-loadscope-reorder", "tests"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:]
    (passed,) = re.findall(r"^(\d+) passed", run.stdout, re.MULTILINE)
    return {"properties": int(passed)}


def gate(_folder: Path, *, seed: int) -> Figures:  # noqa: ARG001 - nothing here is random
    """Every mutant, Lua and Python, must be killed."""
    chosen = [*lua_mutants(), *python_mutants()]
    within_s = check_control(chosen)
    alive = survivors(chosen, workers=GATE_WORKERS, report=False, within_s=within_s)
    assert alive == [], [mutant.name for mutant in alive]
    equivalent = sum(1 for mutant in chosen if mutant.equivalent)
    return {"mutants": len(chosen), "killed": len(chosen) - equivalent, "equivalent": equivalent}


def main() -> None:
    """Run what was asked for, or everything."""
    everything = CAMPAIGNS | {"stateful model": model, "property tests": properties, "mutation gate": gate}
    parser = argparse.ArgumentParser(description="The long fault-injection campaign.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=", ".join(everything))
    arguments = parser.parse_args()
    failed = [name for name in arguments.campaigns or everything if not _run(name, everything[name], arguments.seed)]
    print(f"failed: {', '.join(failed)}" if failed else "everything held")  # noqa: T201
    sys.exit(bool(failed))


def _run(name: str, campaign: Callable[..., Figures], seed: int) -> bool:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        try:
            figures = campaign(Path(folder), seed=seed)
        except Exception:  # noqa: BLE001 - the other campaigns still have something to tell
            print(f"FAILED {name} (seed {seed})\n{traceback.format_exc()}", flush=True)  # noqa: T201
            return False
    told = ", ".join(f"{key} {value}" for key, value in figures.items())
    print(f"{name} (seed {seed}, {time.monotonic() - started:.0f} s): {told}", flush=True)  # noqa: T201
    return True


if __name__ == "__main__":
    main()
