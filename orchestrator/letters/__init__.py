"""What people do about dead letters, below the command line and HTTP: both call these functions and no others.

Face: reading (:func:`counts`, :func:`groups`, :func:`find`, :func:`slice_of`) and acting (:class:`Order`, then
:func:`plan`, which changes nothing and is the dry run, then :func:`carry_out`; :func:`send_edited` for one letter).
Everything is synchronous and needs no lease; any number of callers may act at once.

Imports ``contract``, ``store`` and ``errors``.
"""

from orchestrator.letters.moving import carry_out, send_edited
from orchestrator.letters.order import MAX_REFUSALS, Action, Order, Outcome, Plan, plan
from orchestrator.letters.reading import Counts, counts, each, find, groups, marks_of, slice_of
from orchestrator.letters.tally import MAX_GROUPS, Group, Tally

__all__ = [
    "MAX_GROUPS",
    "MAX_REFUSALS",
    "Action",
    "Counts",
    "Group",
    "Order",
    "Outcome",
    "Plan",
    "Tally",
    "carry_out",
    "counts",
    "each",
    "find",
    "groups",
    "marks_of",
    "plan",
    "send_edited",
    "slice_of",
]
