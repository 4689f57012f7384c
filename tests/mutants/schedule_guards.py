"""The schedules of a cluster: of each what goes wrong in it, the guard, and the test that fails without that guard.

They are numbered as they were found, when the layout of clusters was designed; ``docs/redis-protocol.md``, sections 14
and 15, has the rules. ``tests/layout/test_schedule_table.py`` holds the table to the tests.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.mutants.guard import Guard


class Schedule(NamedTuple):
    """One order of events.

    Attributes:
        name: what happens.
        guards: what keeps it harmless, and the test that says so.
    """

    name: str
    guards: tuple[Guard, ...]


_LUA = "orchestrator/store/lua/"
_PROJECTOR = "orchestrator/lane/projector.py"
_PROJECTIONS = "orchestrator/store/projections.py"
_SESSION = "orchestrator/lane/session.py"
_EXCHANGE = "orchestrator/store/cluster/exchange.py"
_SCHEDULES = "tests/layout/test_schedules.py::test_"
_SLOTS = "tests/layout/test_slots_that_move.py::test_"
_SCRIPTS = "tests/store/test_projections.py::test_"
_OPERATORS = "tests/layout/test_operators.py::test_"

SCHEDULES: Final = {
    1: Schedule(
        "a process commits and sleeps before it shows; another takes over and shows; then the first one shows",
        (
            Guard(
                _LUA + "project.lua",
                "shown_epoch > e or ",
                "",
                _SCHEDULES + "who_slept_before_showing_shows_nothing_old",
            ),
        ),
    ),
    2: Schedule(
        "what was shown has no answer, and is sent again",
        (
            Guard(
                "orchestrator/lane/owed.py",
                "(answer.code is Code.OLD and answer.position == one.position)",
                "False",
                _SCHEDULES + "a_projection_without_an_answer_is_sent_again",
            ),
        ),
    ),
    3: Schedule(
        "a change never arrived, and the next one adds to it",
        (
            Guard(
                _LUA + "project.lua",
                "if not based or redis",
                "if redis",
                _SCHEDULES + "a_change_on_top_of_what_the_readers_server_forgot_is_made_good",
            ),
        ),
    ),
    4: Schedule(
        "a process dies between its commit and showing it",
        (
            Guard(
                _PROJECTIONS,
                "due_ms=OWED_MS, ",
                "",
                _SCHEDULES + "a_death_before_showing_or_settling_leaves_a_brand_that_is_due",
            ),
        ),
    ),
    5: Schedule(
        "a process dies after its letters were buried, before they left the outbox",
        (
            Guard(
                _LUA + "bury.lua",
                "if stamp > (redis",
                "if stamp >= (redis",
                _SCHEDULES + "letters_that_were_buried_before_a_death_are_not_buried_again",
            ),
        ),
    ),
    6: Schedule(
        "a settling is lost, and what comes next has no letters",
        (
            Guard(
                _PROJECTOR,
                "if code in {Code.OK, Code.STALE}:  # else nobody knows",
                "if True:  # else nobody knows",
                _SCHEDULES + "letters_of_a_lost_settling_leave_with_the_next_commit",
            ),
        ),
    ),
    7: Schedule(
        "a settling arrives twice, late, or from an old token",
        (
            Guard(
                _LUA + "settle.lua",
                "and entry:sub(1, #stamp) > stamp then",
                "and entry:sub(1, #stamp) >= stamp then",
                _SCRIPTS + "settling_pays_what_is_owed",
            ),
            Guard(
                _LUA + "settle.lua",
                "redis.call('HGET', meta, 'cid') == cid",
                "true",
                _SCRIPTS + "what_is_due_after_a_later_commit_is_not_settled_by_an_earlier_one",
            ),
            Guard(
                _LUA + "settle.lua",
                "if redis.call('GET', lock) ~= token then",
                "if false then",
                _SCRIPTS + "who_lost_the_lease_settles_nothing",
            ),
        ),
    ),
    8: Schedule(
        "the server of the queue forgets commits that readers saw",
        (
            Guard(
                _SESSION,
                "        self._warm.epoch = max(self._warm.epoch, standing.epoch)\n",
                "",
                _SCHEDULES + "a_server_that_forgot_commits_shows_no_older_epoch",
            ),
        ),
    ),
    9: Schedule(
        "the server of what readers see forgets, value and guard together",
        (
            Guard(
                _PROJECTIONS,
                "if one.differs(now_ms, self.ttl_ms)}",
                "if False}",
                _SCHEDULES + "what_a_readers_server_forgot_is_shown_anew",
            ),
            Guard(
                _SESSION,
                "owed = owed or standing.differs(lease.now_ms, projections.ttl_ms)",
                "pass",
                _SCHEDULES + "whoever_takes_a_brand_over_compares_by_itself",
            ),
        ),
    ),
    10: Schedule(
        "the server of the queue forgets a commit whose letter was buried: at least once, never lost",
        (
            Guard(
                _PROJECTIONS,
                "% (lease.epoch, commit.version, index)",
                "% (0, commit.version, index)",
                _SCHEDULES + "a_letter_that_its_queue_forgot_comes_twice_and_is_never_lost",
            ),
        ),
    ),
    11: Schedule(
        "the list of dead letters is at its cap, and nothing may be dropped",
        (
            Guard(
                _LUA + "bury.lua",
                "policy == 'pause' and length >= cap",
                "policy == 'pause' and length > cap",
                _SCHEDULES + "a_full_list_parks_the_brand_before_it_folds",
            ),
        ),
    ),
    12: Schedule(
        "a change is put on top of a lineage that was forgotten, under the same guard",
        (
            Guard(
                _SESSION,
                "            readers = None\n",
                "            pass\n",
                _SCHEDULES + "what_a_colleague_could_not_show_is_in_the_whole",
            ),
        ),
    ),
    13: Schedule(
        "the slot of what readers see stays half way for minutes",
        (
            Guard(
                "orchestrator/store/runner.py",
                "self.cluster.exchange(commands, patient=False)",
                "self.cluster.exchange(commands)",
                _SLOTS + "a_readers_slot_that_is_half_way_holds_up_no_commit",
            ),
        ),
    ),
    14: Schedule(
        "what readers see cannot be shown, so the brand is due, so it is committed to, and so on",
        (
            Guard(
                _PROJECTOR,
                "now_ms - self._tried_ms < RETRY_MS",
                "False",
                _SCHEDULES + "readers_whose_server_is_away_cost_no_commits",
            ),
            Guard(
                _PROJECTOR,
                "due_ms = self._due_ms if shown else now_ms + POSTPONED_MS",
                "due_ms = self._due_ms if shown else 1",
                _SLOTS + "a_readers_slot_that_is_half_way_costs_no_commits",
            ),
        ),
    ),
    15: Schedule(
        "the slot of the queue stays half way under a lease",
        (
            Guard(
                _EXCHANGE,
                "replace(sent, node=found.node, asking=found.asking)",
                "replace(sent, node=found.node, asking=False)",
                _SLOTS + "a_queues_slot_that_is_half_way_costs_no_lease_and_doubles_nothing",
            ),
        ),
    ),
    16: Schedule(
        "two go on with letters that somebody left on their way into the queue",
        (
            Guard(
                _LUA + "arrive.lua",
                "if not redis.call('HGET', moved, ARGV[at]) then",
                "if true then",
                _OPERATORS + "two_who_go_on_at_once_push_each_letter_once",
            ),
        ),
    ),
}

SCHEDULE_GUARDS: Final = tuple(guard for schedule in SCHEDULES.values() for guard in schedule.guards)
