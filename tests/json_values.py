"""Any JSON, drawn by Hypothesis: the one place that says how documents of documents are made."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st


def json_values(
    leaves: st.SearchStrategy[Any],
    names: st.SearchStrategy[str],
    *,
    max_size: int = 4,
    max_leaves: int = 12,
) -> st.SearchStrategy[Any]:
    """Values of *leaves*, lists of such values and objects of such values under *names*.

    The rule of one more level is a ``partial`` and no lambda: Hypothesis looks into the source text of a function
    for the use of its argument. If the file was changed on the disk since it was imported, it finds another function
    there, and warns that this one "can't actually recurse".
    """
    return st.recursive(leaves, partial(_one_level_more, names, max_size), max_leaves=max_leaves)  # noqa: TID251


def _one_level_more(
    names: st.SearchStrategy[str], max_size: int, inner: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=max_size) | st.dictionaries(names, inner, max_size=max_size)
