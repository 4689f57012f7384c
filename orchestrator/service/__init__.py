"""The running service: its parts put together, what HTTP may ask of it, and the updates that it passes on.

Face: :func:`run`, :func:`repair`, :func:`watch_spikes`, :func:`write_past`, what ``orchestrator state`` does, and
what an archive tells of the past.
Imports every other package but the command line and the demo, and only the former may import this one.
Importing it chooses the kernels, so the settings must be known before.
"""

from __future__ import annotations

from orchestrator.archive.explain import Question
from orchestrator.service.app import run
from orchestrator.service.archive_probe import probe_archive
from orchestrator.service.past import write_past
from orchestrator.service.repair import repair
from orchestrator.service.retelling import Request as PastRequest
from orchestrator.service.retelling import moment_of, reply_to
from orchestrator.service.snapshots import decode_snapshot, encode_snapshot, put_back, state_differences, take_snapshot
from orchestrator.service.spike_watch import watch_kinds, watch_spikes
from orchestrator.service.swap import Held, Patience, Placed, held, swap_in
from orchestrator.service.verifying import Refolded, live_commit, verify_state, waiting_records

__all__ = [
    "Held",
    "PastRequest",
    "Patience",
    "Placed",
    "Question",
    "Refolded",
    "decode_snapshot",
    "encode_snapshot",
    "held",
    "live_commit",
    "moment_of",
    "probe_archive",
    "put_back",
    "repair",
    "reply_to",
    "run",
    "state_differences",
    "swap_in",
    "take_snapshot",
    "verify_state",
    "waiting_records",
    "watch_kinds",
    "watch_spikes",
    "write_past",
]
