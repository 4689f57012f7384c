"""What a shell may complete: the names of registered brands.

Owns the argument ``BRAND`` of the commands. A shell that waits for a word must neither wait for a Redis that is away
nor be shown an error, so that nothing is offered then. A name comes from Redis and lands on a command line: only what
no shell gives a meaning to is offered.
"""

from __future__ import annotations

import re
from typing import Final

import click

from orchestrator.cli.context import open_redis, read_settings
from orchestrator.errors import OrchestratorError
from orchestrator.store.registry import registered

PATIENCE_S: Final = 1.0
MOST: Final = 200
_PLAIN: Final = re.compile(r"\w[\w.:@%+-]*")


def complete_brand(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Registered brands that begin with *incomplete*, in order; none where Redis gives no answer."""
    del ctx, param
    try:
        settings = read_settings().settings
        settings = settings.model_copy(update={"redis_timeout_sec": min(PATIENCE_S, settings.redis_timeout_sec)})
        if settings.embedded:  # it may not run, and no server is started for a word
            return []
        with open_redis(settings) as client:
            brands = registered(client, settings.brand_list_keys).brands
    except (OrchestratorError, click.ClickException, OSError):
        return []
    fitting = (name for name in brands if name.startswith(incomplete) and _PLAIN.fullmatch(name))
    return sorted(fitting)[:MOST]
