"""Which brands a command is asked to work on: names that are meant, and not misspelt."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import redis

from orchestrator.cli.terminal import Failure, Misuse
from orchestrator.contract.brands import check_brand
from orchestrator.settings import Settings
from orchestrator.store.registry import registered


def wanted_names(names: Sequence[str], *, everything: bool) -> list[str] | None:
    """The brands that are asked for, each once; None: all.

    Raises:
        Misuse: neither names nor ``--all``, or both.
        InvalidBrandError: one cannot be a brand.
    """
    if bool(names) == everything:
        raise Misuse("say which brands: either their names or --all")
    return None if everything else list(dict.fromkeys(map(check_brand, names)))


def check_registered(client: redis.Redis, settings: Settings, brands: Sequence[str]) -> None:
    """Return if all *brands* are registered.

    Raises:
        Failure: some are not; the message says which, and which names are like the first.
        StoreError: Redis did not answer or refused.
    """
    if not brands:
        return
    known = registered(client, settings.brand_list_keys).brands
    there = set(known)
    unknown = [brand for brand in brands if brand not in there]
    if unknown:
        like = get_close_matches(unknown[0], known, n=3)
        hint = f"did you mean {' or '.join(map(repr, like))}?" if like else "'orchestrator brands list' has the names"
        raise Failure(f"nothing was done: not registered: {', '.join(map(repr, unknown))}; {hint}")
