"""The guards around commands on a cluster: what was not executed is sent again, and nothing else is.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_ROUTING = "tests/store/cluster/test_routing.py::test_"
_CLAIMS = "tests/store/cluster/test_claims.py::test_"
_RULES = "tests/store/cluster/test_rules.py::test_"

ROUTING_GUARDS: Final = (
    *(
        Guard("orchestrator/store/cluster/exchange.py", right, wrong, _ROUTING + test)
        for right, wrong, test in (
            (
                "elif scripted and line in followed:",
                "elif False:",
                "what_is_read_ahead_is_read_after_the_commit",
            ),
            (
                "(_ASKING, sent.command) if sent.asking",
                "(sent.command,) if sent.asking",
                "key_that_moves_is_asked_for_where_it_is",
            ),
            ("[_ASKING, *block] if", "block if", "key_that_moves_is_asked_for_where_it_is"),
            (
                "                load(topology, [heard.node])\n",
                "                pass\n",
                "script_is_taught_to_the_node_that_is_asked",
            ),
            (
                "            if not loaded:",
                "            if True:",
                "node_that_forgot_its_scripts_is_taught_once",
            ),
            (
                "        topology.moved(redirect.slot, redirect.node)\n",
                "        pass\n",
                "slot_that_moved_is_followed_and_remembered",
            ),
            (
                "    if len(slots) > 1:\n",
                "    if False:\n",
                "what_the_cluster_refuses_is_an_error_as_anywhere",
            ),
            (
                "                _fill(replies, heard.sent, heard.error)\n",
                "                raise heard.error\n",
                "node_that_hangs_costs_its_own_keys",
            ),
        )
    ),
    Guard(
        "orchestrator/store/cluster/topology.py",
        "if isinstance(error, RedisTimeoutError | TimeoutError):",
        "if False:",
        _ROUTING + "node_that_hangs_costs_its_own_keys",
    ),
    *(
        Guard("orchestrator/store/cluster/redirects.py", right, wrong, _RULES + test)
        for right, wrong, test in (
            (
                "if type(reply) is AskError:",
                "if False:",
                "only_replies_of_what_was_not_executed_redirect",
            ),
            (
                "if node is None or not 0 <= reply.slot_id < SLOTS:",
                "if False:",
                "only_replies_of_what_was_not_executed_redirect",
            ),
            (
                "if not isinstance(executed, ExecAbortError):",
                "if True:",
                "transaction_is_redirected_where_one_of_its_commands_was",
            ),
        )
    ),
    Guard(
        "orchestrator/store/cluster/away.py",
        "        self._absences[node] = _Absence(absence.pause_s, now_s + absence.pause_s, absence.reason)\n",
        "",
        _RULES + "node_that_is_away_is_looked_at_by_one_after_each_pause",
    ),
    *(
        Guard("orchestrator/store/cluster/claims.py", right, wrong, _CLAIMS + test)
        for right, wrong, test in (
            (
                "                        left += own\n",
                "                        pass\n",
                "claim_asks_again_where_slots_have_moved",
            ),
            (
                "                        found.away.extend(own)\n",
                "                        raise failure\n",
                "node_that_is_away_costs_its_own_brands",
            ),
            (
                "milliseconds_of(replies[0]), str(node))",
                "milliseconds_of(replies[0]))",
                "clock_of_one_node_stops_what_it_has_alone",
            ),
            ("slot if apart else 0", "0", "slot_that_is_half_way_costs_its_own_brands"),
        )
    ),
    Guard(
        "orchestrator/store/cluster/slot_map.py",
        "asked.host if host in NAMELESS else host",
        "host or asked.host",
        _RULES + "map_takes_a_nameless_node_for_the_one_that_was_asked",
    ),
    *(
        Guard("orchestrator/store/cluster/slot_map.py", right, wrong, _RULES + "map_refuses_what_is_none")
        for right, wrong in (
            (" or last - first >= most:", ":"),
            ("if not 0 < port <= MOST_PORT:", "if False:"),
            ("if node is None:", "if False:"),
        )
    ),
    Guard(
        "orchestrator/store/cluster/exchange.py",
        "heard, *_ = _round_trip",
        "(heard,) = _round_trip",
        "tests/store/cluster/test_topology.py::test_transaction_in_a_slot_that_nobody_has_is_unavailable",
    ),
    Guard(
        "orchestrator/store/cluster/topology.py",
        "if (node, reply) == self._told:",
        "if self._told and reply == self._told[1]:",
        "tests/store/cluster/test_topology.py::test_an_answer_that_came_before_is_not_read_again",
    ),
    Guard(
        "orchestrator/store/cluster/topology.py",
        "if not found.replicas:",
        "if False:",
        "tests/store/cluster/test_topology.py::test_node_that_left_the_cluster_is_passed_over",
    ),
    Guard(
        "orchestrator/store/cluster/away.py",
        "in list(self._absences) if",
        "in self._absences if",
        _RULES + "node_that_fails_while_others_are_forgotten_disturbs_nobody",
    ),
    Guard(
        "orchestrator/store/clock.py",
        "in list(self._last) if",
        "in self._last if",
        _RULES + "server_that_is_met_while_others_are_forgotten_disturbs_nobody",
    ),
    Guard(
        "orchestrator/store/projections.py",
        "next((time for time in times if not isinstance(time, Exception)), times[0])",
        "times[0]",
        _CLAIMS + "readers_are_looked_at_while_a_node_is_away",
    ),
    Guard(
        "orchestrator/store/store.py",
        "return None if isinstance(reply, StoreUnavailableError) else checked(reply)",
        "return checked(reply)",
        _CLAIMS + "node_that_is_away_costs_its_own_brands",
    ),
    Guard(
        "orchestrator/store/glance.py",
        " if not isinstance(reply, StoreError)",
        "",
        _CLAIMS + "node_that_is_away_costs_its_own_brands",
    ),
    *(
        Guard("orchestrator/scheduler/discovery.py", right, wrong, "tests/scheduler/test_cluster.py::test_" + test)
        for right, wrong, test in (
            (
                "        if not (isinstance(error, StoreUnavailableError) and self._store.partly):\n",
                "        if True:\n",
                "one_node_that_is_away_does_not_mean_that_redis_is",
            ),
            (
                "isinstance(error, StoreUnavailableError) and self._store.partly",
                "self._store.partly",
                "one_node_that_is_away_does_not_mean_that_redis_is",
            ),
            (
                "            self._lanes.show_anew(brand)\n        if found.owed",
                "            pass\n        if found.owed",
                "what_readers_see_is_looked_at_after_slots_got_other_masters",
            ),
            (
                "(*self._looks.own, *self._lanes.working())",
                "self._looks.own",
                "what_readers_see_is_looked_at_after_slots_got_other_masters",
            ),
            (
                "if began_s <= until_s or not looked:",
                "if began_s <= until_s:",
                "a_look_that_nobody_answered_is_repeated",
            ),
            (
                "else began_s + MOVED_S",
                "else began_s",
                "what_readers_see_is_looked_at_after_slots_got_other_masters",
            ),
        )
    ),
)
