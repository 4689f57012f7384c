"""The spans of this process: nothing while traces are off, OpenTelemetry's once :func:`start` was asked for them.

For the process as a whole, like logging: threads that trio starts have the context of the task that started them, so a
span made in a lane's thread belongs to the lane's. Only the span of a visit is *current*, for what is made within it;
fetch, fold and commit overlap, and none of them is within another one.
"""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from orchestrator.errors import SettingsError
from orchestrator.tracing.asked import exporters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from orchestrator.tracing.backend import Attributes, Backend

_NOTHING: Final = nullcontext()
_backend: Backend | None = None


def start(environ: Mapping[str, str], *, instance: str, version: str) -> bool:
    """Make spans from now on if *environ* asks for them, and say whether it does.

    Raises:
        SettingsError: it asks for what there is not, or the extra is not installed.
    """
    global _backend  # noqa: PLW0603 - one for the process, like the set-up of its logs
    wanted = exporters(environ)
    if not wanted:
        return False
    if importlib.util.find_spec("opentelemetry") is None or importlib.util.find_spec("opentelemetry.sdk") is None:
        raise SettingsError("OTEL_* variables ask for traces: install the extra otel, or set OTEL_TRACES_EXPORTER=none")
    from orchestrator.tracing.telemetry import Telemetry  # noqa: PLC0415 - it imports OpenTelemetry

    _backend = Telemetry.exporting(wanted, environ, instance=instance, version=version)
    return True


def use(backend: Backend | None) -> None:
    """Make spans with *backend* from now on, None for nothing; for tests."""
    global _backend  # noqa: PLW0603 - as above
    _backend = backend


def stop() -> None:
    """Send what is left and make no more spans; blocks for as long as the exporters do."""
    global _backend
    backend, _backend = _backend, None
    if backend is not None:
        backend.stop()


def span(
    name: str, attributes: Attributes | None = None, items: Sequence[bytes] = (), *, current: bool = False
) -> AbstractContextManager[None]:
    """A span around a block.

    Args:
        name: of the kind of work.
        attributes: of this one.
        items: chunks whose traces it is linked to.
        current: whether spans and log lines made within the block belong to it.
    """
    if _backend is None:
        return _NOTHING
    return _backend.span(name, attributes or {}, items, current=current)


def ids() -> dict[str, str]:
    """``trace_id`` and ``span_id`` of the current span for a log line; empty while traces are off."""
    return {} if _backend is None else _backend.ids()
