"""Units of work on a cluster of Dask: a scheduler that is there already, or one of this machine.

The cluster tries again what a worker took with it when it died, and after some deaths accuses all that died with it:
also what merely waited beside the one that kills. Who is accused is tried once more, alone, and named if the workers
die of it then. Of a cluster of this machine the workers may stay away for good: one that dies of its first unit while
it still starts is not started again. Then there is another cluster, a few times. What its connections are secured with,
and much else, comes from Dask's own configuration. ``distributed`` is imported when it is asked for: it belongs to an
extra.
"""

from __future__ import annotations

import importlib
import queue
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from orchestrator.errors import EngineError
from orchestrator.process.extras import extra_helps
from orchestrator.process.masking import mask_text
from orchestrator.rebuild.engines import Fault, attempt, deaf

T = TypeVar("T")
R = TypeVar("R")

LOCAL: Final = "dask"
_SCHEMES: Final = {"dask": "tcp", "dask+tls": "tls"}
_CONNECT_S: Final = 30
_NO_WORKERS_S: Final = 60
"""After so long without any worker a cluster of this machine gives its work back; by itself it would wait for ever."""

_NOT_OURS_S: Final = 300
"""The same of a scheduler that was there already: its workers' machines and images may still be on the way."""

_LOOK_S: Final = 1.0
"""So long after the last result it is looked whether there are workers."""

_CLUSTERS: Final = 3
"""That one run may lose all workers of."""

_STARTS: Final = 3
"""So often a cluster of this machine is begun: a worker that dies while it starts ends all of it."""

_CLOSE_S: Final = 60
_GIVEN_BACK: Final = object()
"""For a unit's result, where no worker was left."""

_SUSPECT: Final = object()
"""For a unit's result, where it was under way as one worker after the other died."""

_AHEAD: Final = 1_000
"""Units that the scheduler knows at a time: enough for some hundred workers, and little for its memory."""


@dataclass(frozen=True, slots=True)
class Dask:
    """On a cluster of Dask.

    Attributes:
        address: ``dask://host:8786``, ``dask+tls://host:8786``; ``dask``: *workers* processes of this machine.
        workers: of a cluster of this machine.
        tell: what people should know while they wait, a line.
    """

    address: str
    workers: int = 1
    tell: Callable[[str], object] = field(default=lambda _line: None, repr=False, compare=False)

    @property
    def told(self) -> str:
        """What it is, for people."""
        if self.address != LOCAL:
            return f"Dask at {self.address}"
        return f"Dask, {self.workers} workers" if self.workers > 1 else "Dask, 1 worker"

    def run(self, work: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R | Fault]]:
        """As :class:`orchestrator.rebuild.engines.Engine` says."""
        todo = list(islice(waiting := iter(units), 1))
        if not todo:
            return
        distributed, left = _distributed(), _Left[T]()
        for _ in range(_CLUSTERS):
            left.back = []
            with self._client(distributed) as client:
                look = self._looking(client)
                yield from _run(distributed, client, work, chain(todo, waiting), left, look)
                while left.suspects and not left.back:
                    alone = _Left(left.back)
                    yield from _run(distributed, client, work, iter([left.suspects.popleft()]), alone, look)
                    for unit in alone.suspects:
                        yield unit, Fault("one worker after the other died of it; memory may not suffice for it")
            if not left.back:
                return
            todo = left.back
        raise EngineError(f"{self.told}: no worker is left, and none comes")

    def _looking(self, client: Any) -> Callable[[], None]:
        """What is to be done while nothing comes: of a cluster of this machine nothing, it says so itself."""
        none_s: float | None = None

        def look() -> None:
            nonlocal none_s
            if self.address == LOCAL:
                return
            try:
                workers = client.nthreads()
            except OSError:  # of a scheduler that went away the units tell
                return
            now_s = time.monotonic()
            if workers:
                none_s = None
            elif none_s is None:
                none_s = now_s
                self.tell(f"No worker at {self.address} yet; one is waited for, for {_NOT_OURS_S} s.")
            elif now_s - none_s >= _NOT_OURS_S:
                raise EngineError(
                    f"{self.told}: it has had no worker for {_NOT_OURS_S} s; start some, or look at theirs"
                )

        return look

    @contextmanager
    def _client(self, distributed: Any) -> Iterator[Any]:
        with ExitStack() as stack:
            address: Any = scheduler_of(self.address)
            if not address:
                # Workers that are started again later are deaf, too: by a thread that begins here. And a cluster that
                # is not all there yet cannot be ended.
                with deaf():
                    address = self._local(distributed)
                    stack.callback(_close, address)
            try:
                client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
            except (
                OSError,
                TimeoutError,
                TypeError,
            ) as error:  # the last one: it is to have certificates, and has none
                told = " ".join(str(error).split())[:500]
                raise EngineError(f"there is no Dask scheduler at {self.address} for us: {told}") from None
            yield stack.enter_context(client)

    def _local(self, distributed: Any) -> Any:
        """A cluster of this machine; one whose worker died while it started is followed by another one."""
        for _ in range(_STARTS - 1):
            try:
                return self._started(distributed)
            except EngineError as error:
                self.tell(f"{error}; it is tried again.")
        return self._started(distributed)

    def _started(self, distributed: Any) -> Any:
        dask: Any = importlib.import_module("dask")
        try:
            with dask.config.set({"distributed.scheduler.no-workers-timeout": f"{_NO_WORKERS_S} s"}):
                return distributed.LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",  # it cannot be left out, and its own port may be taken
                    host="127.0.0.1",
                    silence_logs=50,
                )
        except Exception as error:  # noqa: BLE001 - told in a sentence: each cause has a class of its own
            told = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            raise EngineError(f"a Dask cluster of this machine does not start: {told}") from None


def _close(cluster: Any) -> None:
    """End *cluster*; what does not end in time ends with this process."""
    with suppress(TimeoutError):
        cluster.close(timeout=_CLOSE_S)


def scheduler_of(address: str) -> str:
    """The address of the scheduler in Dask's words; empty: a cluster of this machine.

    Raises:
        EngineError: it is no such address.
    """
    if address == LOCAL:
        return ""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or 8786
    except ValueError:
        host, port = None, 0
    if parts.scheme not in _SCHEMES or not host or parts.path not in {"", "/"} or parts.username:
        raise EngineError(f"{mask_text(address)!r} is no scheduler: expected dask://HOST:8786 or dask+tls://HOST:8786")
    shown = f"[{host}]" if ":" in host else host
    return f"{_SCHEMES[parts.scheme]}://{shown}:{port}"


@dataclass(slots=True)
class _Left(Generic[T]):
    """Units without a result.

    Attributes:
        back: those that were handed out when no worker was left.
        suspects: those that were under way as one worker after the other died.
    """

    back: list[T] = field(default_factory=list)
    suspects: deque[T] = field(default_factory=deque)


def _run(
    distributed: Any,
    client: Any,
    work: Callable[[T], R],
    units: Iterator[T],
    left: _Left[T],
    look: Callable[[], None],
) -> Iterator[tuple[T, R | Fault]]:
    """Runs *units* until there are none, or no worker, and adds to *left*; while nothing comes *look* is called."""
    running: dict[str, tuple[T, Any]] = {}
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    run, number = secrets.token_hex(4), 0

    def submit(count: int) -> None:
        nonlocal number
        for unit in islice(units, count):
            number += 1
            # Names of its own: what somebody else's run left on the cluster is not taken for ours.
            future = client.submit(attempt, work, unit, key=f"orchestrator-rebuild-{run}-{number}", pure=False)
            running[future.key] = unit, future
            future.add_done_callback(done.put)

    try:
        submit(_AHEAD)
        while running:
            try:
                future = done.get(timeout=_LOOK_S)
            except queue.Empty:
                look()
                continue
            unit, _ = running.pop(future.key)
            result = _result(distributed, future)
            future.release()
            if result is _GIVEN_BACK:
                left.back.append(unit)
            elif result is _SUSPECT:
                left.suspects.append(unit)
            submit(0 if left.back else 1)
            if result is not _GIVEN_BACK and result is not _SUSPECT:
                yield unit, result
    finally:
        if running:
            client.cancel([future for _, future in running.values()], force=True)


def _result(distributed: Any, future: Any) -> Any:
    try:
        return future.result()
    except distributed.KilledWorker:
        return _SUSPECT
    except distributed.scheduler.NoWorkerError:
        return _GIVEN_BACK
    except distributed.CancelledError as error:
        raise EngineError(f"the Dask scheduler went away, or gave the work up: {error}") from None
    except ImportError as error:
        return Fault(f"a worker lacks what it takes: {error}; workers need this version of the project")
    except Exception as error:  # noqa: BLE001 - not swallowed: the unit is named with it, and the others go on
        return Fault(f"{type(error).__name__}: {mask_text(str(error))[:2_000]}")


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise EngineError(f"this needs Dask: {extra_helps('dask')}") from None
