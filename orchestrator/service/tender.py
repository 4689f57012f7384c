"""Has the archive's days tended in background: closed ones become Parquet, old ones go.

Owns when, and who: about once an hour, the process whose name is the first of those that live and are of its version.
If two believe so for a moment, that is no harm. The work is done by a process of its own with a low priority, because
it is long, and lanes share an interpreter with whatever is done in this one. What came of it is in the log.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from orchestrator import __version__
from orchestrator.errors import StoreError
from orchestrator.process.extras import extra_helps
from orchestrator.process.masking import mask_text, printable
from orchestrator.store.members import read_members

if TYPE_CHECKING:
    import redis

    from orchestrator.fleet.members import Member
    from orchestrator.process.metrics import Metrics
    from orchestrator.settings import Settings

EVERY_S: Final = 3_600.0
FIRST_S: Final = 300.0
"""After the start, when brands have owners and caches are warm."""

LONGEST_S: Final = 6 * 3_600.0
"""For one round; what is not done by then is done in the next one."""

UNTENDED_HELPS: Final = "see docs/runbooks/archive-untended.md"
_SHOWN: Final = 3
_REASON_CHARS: Final = 500


class Tender:
    """Tends the archive.

    Args:
        name: of this process, as others know it.
        members: the processes that live.
        command: what does the work.
        environ: beside that of this process.
        metrics: counts rounds.

    Attributes:
        trouble: why the last round of this process did not do all there was; empty: it did, or another one tends.
    """

    def __init__(
        self,
        name: str,
        members: Callable[[], Awaitable[Sequence[Member]]],
        command: Sequence[str],
        environ: Mapping[str, str],
        metrics: Metrics,
    ) -> None:
        self.trouble = ""
        self._metrics = metrics
        self._name = name
        self._members = members
        self._command = command
        self._environ = environ
        self._log = structlog.get_logger("orchestrator.tender")

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """About once an hour, for ever. Cancelled, what is in hand is left as it is, and done by the next round."""
        task_status.started()
        await trio.sleep(FIRST_S * random.uniform(1, 3))  # noqa: S311 - spreads processes
        while True:
            if await self._is_mine():
                await self.tend()
            else:
                self._is_told("", nan)
            await trio.sleep(EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - as above

    async def tend(self) -> None:
        """One round, and what came of it into the log."""
        environ = os.environ | self._environ
        try:
            with trio.fail_after(LONGEST_S):
                done = await trio.run_process(
                    list(self._command), capture_stdout=True, capture_stderr=True, check=False, env=environ
                )
        except (OSError, trio.TooSlowError) as error:
            self._failed(f"{type(error).__name__}: {error}")
            return
        self._tell(done)

    def _tell(self, done: subprocess.CompletedProcess[bytes]) -> None:
        try:
            told: dict[str, Any] = json.loads(done.stdout)
            days, gone, still = int(told["compacted"]), int(told["pruned"]), int(told["open"])
            left = [str(one) for one in told["left"]]
        except (ValueError, KeyError, TypeError):
            said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
            self._failed(said[-1] if said else f"it ended with code {done.returncode}")
            return
        if days or gone:
            self._log.info("archive tended", days_as_parquet=days, days_gone=gone)
        if left:
            self._log.warning(
                "days of the archive stay as they are", days=len(left), why=left[:_SHOWN], remedy=UNTENDED_HELPS
            )
        self._metrics.archive_rounds.labels("left" if left else "done").inc()
        self._is_told(f"{len(left)} stay as they are, like {_shown(left[0])}" if left else "", still)

    def _failed(self, reason: str) -> None:
        told = _shown(reason)
        self._log.warning("the archive could not be tended, it is tried again", reason=told, remedy=UNTENDED_HELPS)
        self._metrics.archive_rounds.labels("failed").inc()
        self._is_told(told, nan)

    def _is_told(self, trouble: str, still: float) -> None:
        """What /health and metrics tell from now on."""
        self.trouble = trouble
        self._metrics.archive_untended.set(1 if trouble else 0)
        self._metrics.archive_unpacked.set(still)

    async def _is_mine(self) -> bool:
        try:
            members = await self._members()
        except StoreError:
            return False
        names = [member.name for member in members if member.version == __version__]
        return bool(names) and min(names) == self._name


def _shown(reason: str) -> str:
    return printable(mask_text(reason))[:_REASON_CHARS]


def make_tender(
    client: redis.Redis,
    settings: Settings,
    name: str,
    metrics: Metrics,
    log: structlog.stdlib.BoundLogger,
    *,
    embedded_url: str = "",
) -> Tender | None:
    """The tender of a process with these *settings*; None where there is nothing to tend.

    Args:
        client: of the server.
        settings: of this process; the one that does the work reads the same ones.
        name: of this process.
        metrics: of this process.
        log: is told where Parquet is asked for and not installed.
        embedded_url: of a server that this process has started, which the settings do not name.
    """
    compacts = settings.archive_compact
    if settings.archives and compacts and importlib.util.find_spec("pyarrow") is None:
        log.warning(
            "closed days of the archive stay as they are: Parquet needs pyarrow",
            remedy=f"{extra_helps('archive')}, or set ARCHIVE_COMPACT=false",
        )
        compacts = False
    if not settings.archives or not (compacts or settings.archive_retention_days):
        return None
    command = [sys.executable, "-m", "orchestrator", "archive", "tend", *(["--compact"] if compacts else [])]
    # Those of the archive as this process has them: a file .env may say otherwise since, and days that go are gone.
    environ = {"ARCHIVE_URL": settings.archive_url, "ARCHIVE_RETENTION_DAYS": str(settings.archive_retention_days)}
    environ |= {"REDIS_URL": embedded_url} if embedded_url else {}

    async def members() -> Sequence[Member]:
        return await trio.to_thread.run_sync(read_members, client, abandon_on_cancel=True)

    return Tender(name, members, command, environ, metrics)
