"""Which layout a client's server has: what its address leads to says so, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.layout import STANDALONE, Layout

if TYPE_CHECKING:
    import redis


def layout_of(client: redis.Redis) -> Layout:
    """The layout of keys where *client* leads to; that of one server unless the client names another one."""
    layout: Layout = getattr(client, "layout", STANDALONE)
    return layout
