"""The guards of rebuilds: the same bytes wherever they are folded, nothing lost or doubled at the swap.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_TASK: Final = "orchestrator/rebuild/task.py"
_TAIL: Final = "orchestrator/rebuild/tail.py"
_SWAP: Final = "orchestrator/rebuild/swapping.py"
_COURSE: Final = "orchestrator/rebuild/course.py"
_PLAN: Final = "orchestrator/rebuild/plan.py"
_ENGINES: Final = "orchestrator/rebuild/engines.py"
_CLUSTER: Final = "orchestrator/rebuild/cluster.py"
_CLI: Final = "orchestrator/cli/rebuild.py"
_RETELL: Final = "orchestrator/archive/retell.py"
_EXPLAIN: Final = "orchestrator/archive/explain.py"
_SNAPSHOT: Final = "orchestrator/archive/snapshot.py"
_BACK: Final = "orchestrator/objects/looking_back.py"
_FILES: Final = "orchestrator/cli/private_files.py"
_OF_EXPLAINED: Final = "tests/rebuild/test_explained.py"
_OF_TASK: Final = "tests/rebuild/test_task.py"
_OF_SWAP: Final = "tests/rebuild/test_swapping.py"
_OF_COURSE: Final = "tests/rebuild/test_course.py"
_OF_ENGINES: Final = "tests/rebuild/test_engines.py"
_OF_CLI: Final = "tests/cli/test_rebuild.py"

REBUILD_GUARDS: Final = (
    # rebuild/task: named by all inputs, under the settings that count, through rebuilds and not through imports
    Guard(
        _TASK,
        "if task.version != __version__:",
        "if False:",
        f"{_OF_TASK}::test_worker_of_another_version_is_refused",
    ),
    Guard(
        _TASK,
        "self.brand, self.cid, self.own, self.until_ms,",
        "self.brand, self.cid, self.own,",
        f"{_OF_TASK}::test_what_is_done_is_not_done_again",
    ),
    Guard(
        _TASK,
        "self.version, RULES_VERSION, FORMATS",
        "self.version, FORMATS",
        f"{_OF_TASK}::test_result_of_other_rules_has_another_name",
    ),
    Guard(
        _TASK,
        "key=self.hash_key[:64], digest_size=16",
        "digest_size=16",
        f"{_OF_TASK}::test_what_is_done_is_not_done_again",
    ),
    Guard(
        _TASK,
        "**dict(self.task.own), RULES_NAME: RULES_VERSION}",
        "**dict(self.task.own)}",
        f"{_OF_TASK}::test_records_of_older_rules_are_folded_by_those_of_this_version",
    ),
    Guard(
        _TASK,
        "**record.settings, **dict(self.task.own),",
        "**dict(self.task.own), **record.settings,",
        f"{_OF_TASK}::test_other_settings_count_from_the_first_chunk_on",
    ),
    Guard(
        _TASK,
        "if record.replaces and not self._goes_through(",
        "if record.replaces and (",
        f"{_OF_TASK}::test_second_rebuild_begins_with_the_first_chunk_as_well",
    ),
    Guard(
        _TASK,
        " and chunks_of(base.stored) == chunks_of(self._refold.result)",
        "",
        f"{_OF_TASK}::test_another_state_in_place_is_gone_on_with",
    ),
    Guard(
        _TASK,
        "bool(self.task.own and self.cid)",
        "bool(self.cid)",
        f"{_OF_TASK}::test_second_rebuild_begins_with_the_first_chunk_as_well",
    ),
    Guard(
        _TASK,
        "way_to(task.cid, oldest=True, at_ms=task.until_ms)",
        "way_to(task.cid, oldest=False, at_ms=task.until_ms)",
        f"{_OF_TASK}::test_fold_begins_at_the_oldest_base_where_the_beginning_is_gone",
    ),
    Guard(
        _TASK,
        "        refold.trend.update(base.trend)\n",
        "",
        f"{_OF_TASK}::test_fold_begins_at_the_oldest_base_where_the_beginning_is_gone",
    ),
    Guard(
        _TASK,
        "    if snapshot.brand != task.brand:",
        "    if False:",
        f"{_OF_TASK}::test_state_of_another_brand_is_refused",
    ),
    # what led to a rebuilt state: from before the window, under the same settings, and compared with what is in place
    *(
        Guard(path, right, wrong, f"{_OF_EXPLAINED}::{test}")
        for path, right, wrong, test in (
            (
                _TASK,
                "self.parted, self.earlier = base, 0, 0, None",
                "self.parted = base, 0, 0",
                "test_earlier_state_goes_along_with_the_file",
            ),
            (
                _TASK,
                "now_ms < self.until_ms - window_ms - SLACK_MS:",
                "now_ms < self.until_ms:",
                "test_chunks_from_before_the_swap_are_named",
            ),
            (
                _RETELL,
                "or not _alike(replay.state, state):",
                "or False:",
                "test_earlier_state_that_leads_elsewhere_names_nothing",
            ),
            (
                _RETELL,
                "            if record.cid == base.cid:\n                break\n",
                "",
                "test_chunks_from_before_the_swap_are_named",
            ),
            (
                _EXPLAIN,
                "or before.totals_of_hour(hour) != after.totals_of_hour(hour)",
                "or False",
                "test_hour_that_the_states_count_otherwise_is_the_rest",
            ),
            (
                _BACK,
                "_Records(None, tail[place + 1 :])",
                "_Records(None, tail[place:])",
                "test_swap_that_waits_for_the_archive_is_led_to_as_well",
            ),
            (
                _SNAPSHOT,
                "if earlier is not None and earlier.brand != file.brand:",
                "if False:",
                "test_earlier_state_goes_along_with_the_file",
            ),
        )
    ),
    Guard(
        _SNAPSHOT,
        "        earlier=before.earlier,\n",
        "",
        f"{_OF_CLI}::test_numbers_of_a_rebuilt_brand_are_explained",
    ),
    # rebuild/tail: every record between two commits once, wherever it is
    Guard(
        _TAIL,
        "yield from reversed(tail)",
        "yield from tail",
        f"{_OF_SWAP}::test_what_was_committed_since_is_folded_on_top",
    ),
    Guard(
        _TAIL,
        "    if cid != start:\n",
        "    if False:\n",
        f"{_OF_SWAP}::test_what_was_committed_since_is_folded_on_top",
    ),
    Guard(
        _TAIL,
        "    if way.base_ref is not None:",
        "    if False:",
        f"{_OF_SWAP}::test_archive_that_does_not_go_back_to_the_first_record_is_told",
    ),
    *(
        Guard(_TASK, right, wrong, f"{_OF_TASK}::test_another_state_in_place_is_gone_on_with")
        for right, wrong in (
            ("self.base, self.commits, self.parted, self.earlier = base, 0, 0, None", "self.base = base"),
            ("            self.fates.clear()\n", ""),
            ("            self.partings.clear()\n", ""),
        )
    ),
    # a cluster of this machine is begun again, and not for ever
    Guard(
        _CLUSTER,
        "        for _ in range(_STARTS - 1):\n",
        "        for _ in range(0):\n",
        f"{_OF_ENGINES}::test_cluster_whose_worker_dies_while_it_starts_is_begun_again",
    ),
    # process/pipes: nobody reads any more, and nothing fails on the way out
    *(
        Guard("orchestrator/process/pipes.py", text, instead, f"tests/process/test_pipes.py::{test}")
        for text, instead, test in (
            (
                "            os.dup2(nowhere, descriptor)\n",
                "            pass\n",
                "test_reader_that_goes_is_noticed_without_a_write",
            ),
            ("    if lost:\n", "    if True:\n", "test_reader_that_stays_is_left_alone"),
        )
    ),
    # cli/own_ports: a port is ours by name alone
    *(
        Guard(
            "orchestrator/cli/own_ports.py",
            text,
            instead,
            "tests/cli/test_own_ports.py::test_ports_of_others_are_a_warning",
        )
        for text, instead in (
            (" and (found == settings.orchestrator_id or found in living()):", ":"),
            (" and ours and _METRIC in", " and _METRIC in"),
            (' and _METRIC in _answer(settings, port, "/metrics"):', ":"),
        )
    ),
    # contract/times: a year alone is no time
    Guard(
        "orchestrator/contract/times.py",
        "at_ms < _LEAST_TYPED_MS and",
        "False and",
        "tests/cli/test_past_times.py::test_what_is_no_time_is_told_with_what_is",
    ),
    # an act is written down before it, and only if there is one
    Guard(
        _COURSE,
        "            before()\n",
        "",
        f"{_OF_CLI}::test_rebuild_puts_it_in_place_and_writes_that_down",
    ),
    # rebuild/swapping: on top of what was folded last, and in the end held
    Guard(
        _SWAP,
        "except (StaleStateError, BrandBusyError, LeaseLostError):",
        "except (BrandBusyError, LeaseLostError):",
        f"{_OF_SWAP}::test_commit_that_comes_before_the_swap_is_folded_and_the_swap_tried_again",
    ),
    Guard(
        _SWAP,
        "            if look == _LOOKS:\n",
        "            if True:\n",
        f"{_OF_SWAP}::test_record_on_its_way_to_the_archive_is_looked_for_again",
    ),
    Guard(
        _SWAP,
        "        catch_up(folding, live, still.cid)\n",
        "",
        f"{_OF_SWAP}::test_brand_that_never_rests_is_held_for_the_last_try",
    ),
    *(
        Guard(
            _SWAP,
            "except (StaleStateError, BrandBusyError, LeaseLostError):",
            f"except (StaleStateError, {others}):",
            f"{_OF_SWAP}::{test}",
        )
        for others, test in (
            ("LeaseLostError", "test_brand_that_never_rests_is_held_for_the_last_try"),
            ("BrandBusyError", "test_brand_that_somebody_else_swaps_is_let_go"),
        )
    ),
    Guard(
        _TAIL,
        "while cid != start and cid in by_cid:",
        "while cid in by_cid:",
        f"{_OF_SWAP}::test_commit_that_comes_before_the_swap_is_folded_and_the_swap_tried_again",
    ),
    *(
        Guard(_COURSE, right, wrong, f"{_OF_COURSE}::{test}")
        for right, wrong, test in (
            (
                "        plans.note_swapped(self.place, task, done)\n",
                "",
                "test_rebuild_that_is_gone_on_with_does_what_is_left",
            ),
            (
                "            if len(found) == len(self._units(plan, task)):\n",
                "            if True:\n",
                "test_what_would_have_been_is_beside_what_was",
            ),
            (
                "told = {} if self.adopts else",
                "told =",
                "test_setting_that_is_taken_away_is_that_of_the_brands_processes",
            ),
        )
    ),
    # rebuild/course and plan: what the brand has of its own counts, what is done is not done again
    Guard(
        _PLAN,
        "{**own, **changes}\n    return",
        "{**changes}\n    return",
        f"{_OF_COURSE}::test_settings_that_count_are_the_brands_own_and_those_that_change",
    ),
    Guard(
        _PLAN,
        "if plan.plan != FORMAT or plan.version != __version__:",
        "if False:",
        f"{_OF_COURSE}::test_plan_that_is_none_is_refused",
    ),
    Guard(
        _COURSE,
        "if self.resumed and plans.was_swapped(self.place, task):",
        "if False:",
        f"{_OF_COURSE}::test_rebuild_that_is_gone_on_with_does_what_is_left",
    ),
    Guard(
        _COURSE,
        "outcome.compared.same and own == wanted:",
        "outcome.compared.same:",
        f"{_OF_COURSE}::test_what_is_the_same_already_is_left_alone",
    ),
    Guard(
        _COURSE,
        "        if plan.until_ms is None:\n            catch_up",
        "        if True:\n            catch_up",
        f"{_OF_COURSE}::test_what_would_have_been_is_beside_what_was",
    ),
    # rebuild/engines: each once, and who kills is found
    Guard(
        _ENGINES,
        "            if not alone:\n",
        "            if True:\n",
        f"{_OF_ENGINES}::test_unit_that_kills_each_process_is_named_and_the_others_go_on",
    ),
    Guard(
        _ENGINES,
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})",
        "signal.pthread_sigmask(signal.SIG_BLOCK, ())",
        f"{_OF_ENGINES}::test_processes_are_deaf_to_ctrl_c_from_the_beginning",
    ),
    Guard(
        _ENGINES,
        "signal.pthread_sigmask(signal.SIG_SETMASK, before)",
        "pass",
        f"{_OF_ENGINES}::test_processes_are_deaf_to_ctrl_c_from_the_beginning",
    ),
    Guard(
        _ENGINES,
        "            process.terminate()\n",
        "            pass\n",
        f"{_OF_ENGINES}::test_run_that_is_left_early_ends_its_processes",
    ),
    Guard(
        _ENGINES,
        "return mask_text(",
        "return (",
        f"{_OF_ENGINES}::test_every_unit_comes_back_once_whatever_runs_it",
    ),
    Guard(
        _CLUSTER,
        "        return _GIVEN_BACK\n",
        '        return Fault("none left")\n',
        f"{_OF_ENGINES}::test_cluster_whose_workers_do_not_come_again_is_followed_by_another_one",
    ),
    Guard(
        _CLUSTER,
        "                with deaf():\n",
        "                with ExitStack():\n",
        f"{_OF_ENGINES}::test_processes_are_deaf_to_ctrl_c_from_the_beginning",
    ),
    Guard(
        _ENGINES,
        "    resource_tracker.ensure_running()",
        "    pass",
        f"{_OF_ENGINES}::test_processes_are_deaf_to_ctrl_c_from_the_beginning",
    ),
    Guard(
        _CLUSTER,
        "        return _SUSPECT\n",
        '        return Fault("it died of it")\n',
        f"{_OF_ENGINES}::test_who_only_lay_beside_what_kills_workers_goes_on",
    ),
    Guard(
        _CLUSTER,
        " or parts.username:",
        ":",
        f"{_OF_ENGINES}::test_address_that_is_no_schedulers_is_refused",
    ),
    Guard(
        _COURSE,
        "        if task.cid:\n            return state_of",
        "        if True:\n            return state_of",
        f"{_OF_CLI}::test_state_of_a_brand_that_is_not_archived_yet_is_written_too",
    ),
    # cli/rebuild: nothing is changed that was not meant, and nothing private is left
    Guard(
        _CLI,
        "if asked.until_ms is not None and not asked.dry_run:",
        "if False:",
        f"{_OF_CLI}::test_what_cannot_be_meant_is_refused",
    ),
    Guard(
        _CLI,
        "if not (asked.dry_run or asked.yes or sys.stdin.isatty()):",
        "if False:",
        f"{_OF_CLI}::test_what_cannot_be_meant_is_refused",
    ),
    Guard(
        _CLI,
        "if plan.asked != asked.told or plan.archive != self._settings.archive_url:",
        "if False:",
        f"{_OF_CLI}::test_rebuild_is_gone_on_with_where_it_stopped",
    ),
    Guard(
        _CLI,
        "if address.rstrip",
        "if False and address.rstrip",
        f"{_OF_CLI}::test_without_an_archive_there_is_nothing_to_fold",
    ),
    Guard(
        _CLI,
        "                    self._course.forget(self._plan, brand)\n",
        "                    pass\n",
        f"{_OF_CLI}::test_results_of_a_cluster_lie_in_the_archive_and_go",
    ),
    Guard(
        _FILES,
        "os.fchmod(opened, _MODE)",
        "os.fchmod(opened, 0o644)",
        f"{_OF_CLI}::test_states_can_be_written_to_files",
    ),
)
