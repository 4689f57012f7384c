"""The guards in Python, each with what would stand there without it and the tests that must notice.

How to add a row is told in :mod:`tests.mutants`. Rows stand by package, from the wire up.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.archive_guards import ARCHIVE_GUARDS
from tests.mutants.archivist_guards import ARCHIVIST_GUARDS
from tests.mutants.consumed_guards import CONSUMED_GUARDS
from tests.mutants.damage_guards import DAMAGE_GUARDS
from tests.mutants.fleet_guards import FLEET_GUARDS
from tests.mutants.format_guards import FORMAT_GUARDS
from tests.mutants.gate import Mutant
from tests.mutants.guard import Guard
from tests.mutants.http_guards import HTTP_GUARDS
from tests.mutants.lag_guards import LAG_GUARDS
from tests.mutants.lane_guards import LANE_GUARDS
from tests.mutants.layout_guards import LAYOUT_GUARDS
from tests.mutants.letter_guards import LETTER_GUARDS
from tests.mutants.marker_guards import MARKER_GUARDS
from tests.mutants.names_guards import NAMES_GUARDS
from tests.mutants.objects_guards import OBJECTS_GUARDS
from tests.mutants.order_guards import ORDER_GUARDS
from tests.mutants.owner_guards import OWNER_GUARDS
from tests.mutants.parquet_guards import PARQUET_GUARDS
from tests.mutants.past_guards import PAST_GUARDS
from tests.mutants.pause_guards import PAUSE_GUARDS
from tests.mutants.rebuild_guards import REBUILD_GUARDS
from tests.mutants.routing_guards import ROUTING_GUARDS
from tests.mutants.schedule_guards import SCHEDULE_GUARDS
from tests.mutants.segment_guards import SEGMENT_GUARDS
from tests.mutants.settings_guards import SETTINGS_GUARDS
from tests.mutants.spike_guards import SPIKE_GUARDS
from tests.mutants.tending_guards import TENDING_GUARDS
from tests.mutants.worker_guards import WORKER_GUARDS

_CLOCK: Final = "tests/store/test_clock.py"


def python_mutants() -> list[Mutant]:
    """Every mutant of the table."""
    return [guard.mutant() for guard in GUARDS]


GUARDS: Final = (
    # contract/decode: what is too large, no text, or somebody else's, is a dead letter and nothing worse
    Guard(
        "orchestrator/contract/decode.py",
        "if len(item) > max_bytes:",
        "if len(item) > 2 * max_bytes:",
        "tests/contract/test_decode.py::test_decode_refuses_large_items_unread",
    ),
    Guard(
        "orchestrator/contract/decode.py",
        "document = mending.clean(item)",
        "document = item",
        "tests/contract/test_decode.py",
    ),
    Guard(
        "orchestrator/contract/decode.py",
        "if brand is not None and wire.brand != brand:",
        "if brand is None and wire.brand != brand:",
        "tests/contract/test_decode.py",
    ),
    *(
        Guard(
            "orchestrator/contract/decode.py",
            "if len(data) % 4:",
            f"if {wrong}:",
            "tests/contract/test_decode.py",
        )
        for wrong in ("len(data) % 2", "len(data) % 3", "len(data) % 8", "False")
    ),
    Guard(
        "orchestrator/contract/chunk.py",
        "(4 * MAX_DIMENSIONS + 2) // 3 * 4",
        "(4 * MAX_DIMENSIONS + 2) // 3 * 4 + 4",
        "tests/contract/test_decode.py",
    ),
    Guard(
        "orchestrator/contract/decode.py",
        "if not value.is_integer():",
        "if value < 0:",
        "tests/contract/test_decode.py",
    ),
    # brand/state: what was counted in the future counts in the present, once, and nothing of it stays there
    *(
        Guard(
            "orchestrator/brand/state.py",
            f"        self._{part}.reanchor(present)\n",
            "",
            "tests/brand/test_reanchor.py",
        )
        for part in ("trend", "flags", "chunk_summaries")
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        self.advance(present.now_ms)\n        self.rewrite()\n",
        "        self.advance(present.now_ms)\n",
        "tests/brand/test_reanchor.py",
    ),
    Guard(
        "orchestrator/brand/spikes.py",
        "            self._closed += 1\n        self._entries = kept",
        "        self._entries = kept",
        "tests/brand/test_reanchor.py",
    ),
    # brand/units: what may be odd is looked at
    Guard(
        "orchestrator/brand/units.py",
        "if largest > size or not _is_plausible(",
        "if not _is_plausible(",
        "tests/brand/test_units.py::test_a_cluster_is_no_larger_than_its_chunk",
    ),
    *(
        Guard("orchestrator/kernels/measure_py.py", right, wrong, "tests/kernels/test_measure.py")
        for right, wrong in (
            ("if sentiment.unit is not None:", "if sentiment.unit == 'percent':"),
            ("if max(sizes, default=0) > mentions or", "if"),
            ("return whole and -rated", "return -rated"),
            (" and not MAYBE_PERCENT[0] < rated < MAYBE_PERCENT[1]", ""),
            ("if not 0 <= cluster.mentions < len(counts):", "if cluster.mentions >= len(counts):"),
        )
    ),
    # store/clock, scheduler: who differs from the server does nothing, and a slow answer is no wrong clock
    Guard(
        "orchestrator/store/clock.py",
        "abs(skew_ms) <= self._max_skew_ms",
        "skew_ms <= self._max_skew_ms",
        "tests/store/test_clock.py",
    ),
    Guard("orchestrator/store/clock.py", "        raise ClockSkewError(problem)\n", "", "tests/store/test_clock.py"),
    Guard(
        "orchestrator/store/clock.py",
        "max(0, self.server_ms - self.answered_ms)",
        "max(0, self.server_ms - self.asked_ms)",
        "tests/store/test_clock.py",
    ),
    *(
        Guard("orchestrator/store/store.py", f"self.clock.compare({of})\n{after}", f"pass\n{after}", _CLOCK)
        for of, after in (
            ("asked_ms, milliseconds_of(time_)", ""),
            ("asked_ms, now_ms, self._server(keys.brand)", "        lease = Lease("),
            ("asked_ms, now_ms", "        claim = _claim(brands"),
            ("asked_ms, peek.now_ms, self._server(lease.brand)", "        return peek\n"),
            ("asked_ms, now_ms, line.server", "            return now_ms\n"),
        )
    ),
    Guard(
        "orchestrator/store/store.py",
        "return reply if self._agrees(asked_ms, lease.brand, reply.next) else replace(reply, next=None)",
        "return reply",
        "tests/store/test_clock.py",
    ),
    Guard(
        "orchestrator/scheduler/scheduler.py",
        "self._discovery.redis_health.up and not self._discovery.clock_health.problem",
        "self._discovery.redis_health.up",
        "tests/scheduler/test_scheduler.py",
    ),
    Guard(
        "orchestrator/scheduler/scheduler.py",
        "        self._discovery.clock_health.look()",
        "        pass",
        "tests/scheduler/test_scheduler.py",
    ),
    *(
        Guard("orchestrator/scheduler/clock_health.py", right, wrong, "tests/scheduler/test_clock_health.py")
        for right, wrong in (
            ("self._withheld = self._withheld or bool(problem)", "pass"),
            ("self._differed = self._withheld = True", "self._differed = True"),
            ("self._withheld, False, False", "self._withheld, False, self._withheld"),
        )
    ),
    # store/codes: each refusal of a script is its own error
    # service/fitness: a server that changes is told of, and degrades the health
    Guard(
        "orchestrator/service/fitness.py",
        "                self._tell(finding)\n",
        "                pass\n",
        "tests/service/test_fitness.py",
    ),
    Guard(
        "orchestrator/service/view.py",
        "if worst(findings) is Verdict.REFUSE else",
        "if worst(findings) is Verdict.WARN else",
        "tests/service/test_view.py::test_checks_say_what_the_last_look_at_the_server_found",
    ),
    # cli/completion: what lands on a command line has no meaning to a shell, and a shell never waits or fails
    *(
        Guard("orchestrator/cli/completion.py", guard, instead, "tests/cli/test_completion.py")
        for guard, instead in (
            ("name.startswith(incomplete) and _PLAIN.fullmatch(name)", "name.startswith(incomplete)"),
            ("[:MOST]", ""),
            ("    except (OrchestratorError, click.ClickException, OSError):\n", "    except ZeroDivisionError:\n"),
            ("        if settings.embedded:", "        if False:"),
        )
    ),
    # store/embedded: a container's root may be read-only
    Guard(
        "orchestrator/store/embedded.py",
        "        if os.access(SHARED_MEMORY, os.W_OK):\n",
        "        if True:\n",
        "tests/store/test_embedded.py::test_embedded_without_any_place_says_what_to_do",
    ),
    # store/server_name: a server is told by its own name, and only what looks like one is repeated
    *(
        Guard(
            "orchestrator/store/server_name.py",
            guard,
            instead,
            "tests/store/test_server_name.py::test_server_name_is_that_of_the_server_itself",
        )
        for guard, instead in (
            ('str(info.get("server_name", "redis"))', '"redis"'),
            ("if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):", "if not _NAME.fullmatch(name):"),
            ("if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):", "if not _VERSION.fullmatch(version):"),
            ("version if _VERSION.fullmatch(version) else", "version if version else"),
        )
    ),
    Guard(
        "orchestrator/service/view.py",
        'if finding.check == "version" and finding.verdict is Verdict.OK]',
        "if finding.verdict is Verdict.OK]",
        "tests/service/test_view.py::test_checks_say_which_server_it_is",
    ),
    # store/sentinels: whose word counts, and which server is served
    *(
        Guard("orchestrator/store/sentinels.py", text, instead, f"tests/store/test_sentinels.py::{test}")
        for text, instead, test in (
            (
                "and account.epoch >= self._newest:",
                "and account.epoch >= 0:",
                "test_find_does_not_go_back_to_an_older_primary",
            ),
            ("if count > len(accounts) // 2:", "if count:", "test_settled_takes_the_word_of_more_than_half_of_all"),
            (
                "                if not everyone:\n",
                "                if True:\n",
                "test_find_of_everyone_takes_the_newest_answer",
            ),
            (
                "max(news, key=lambda each: each.epoch) if news",
                "news[0] if news",
                "test_find_of_everyone_takes_the_newest_answer",
            ),
            (
                "            self._newest = account.epoch\n",
                "            self._newest = max(self._newest, account.epoch)\n",
                "test_find_follows_sentinels_that_were_set_up_anew",
            ),
            (
                "            self._order.insert(0, account.sentinel)\n",
                "            self._order.append(account.sentinel)\n",
                "test_find_asks_until_one_answers_and_begins_with_that_one_from_then_on",
            ),
            (
                "            self._order.append(self._order.pop(0))\n",
                "            pass\n",
                "test_doubted_sentinel_is_asked_last",
            ),
            (
                'if (mode := handshake(connection, "mode")) in {"standalone", "cluster"}:',
                'if (mode := handshake(connection, "mode")) in {"nothing"}:',
                "test_address_of_the_wrong_kind_is_told_with_the_right_one",
            ),
            (
                'if role not in {"master", ""}:',
                "if not role:",
                "test_replica_that_is_still_named_is_not_served_by",
            ),
            (
                "        except (RedisError, OSError):\n            self._sentinels.doubt()\n",
                "        except (RedisError, OSError):\n",
                "test_primary_that_does_not_answer_makes_its_sentinel_doubtful",
            ),
            (
                "text.isdigit() and len(text) <= _LONGEST_NUMBER else 0",
                "len(text) <= _LONGEST_NUMBER else 0",
                "test_ask_takes_an_address_and_nothing_else_for_one",
            ),
            (
                '"socket_timeout": within_s, ',
                "",
                "test_ask_waits_no_longer_than_its_share",
            ),
        )
    ),
    # store/following: one process writes to one primary
    *(
        Guard("orchestrator/store/following.py", text, instead, f"tests/store/test_sentinels.py::{test}")
        for text, instead, test in (
            (
                "            self.renew()\n            self._outdated.discard(connection)\n",
                "            pass\n",
                "test_every_connection_leaves_a_primary_that_was_replaced",
            ),
            (
                "            self._outdated.discard(connection)\n",
                "",
                "test_every_connection_leaves_a_primary_that_was_replaced",
            ),
            (
                "self.sentinels.find(everyone=True)",
                "self.sentinels.find()",
                "test_look_asks_all_sentinels",
            ),
            (
                "        if self.primary not in {None, node}:\n",
                "        if False:\n",
                "test_look_finds_a_primary_that_moved_without_a_word",
            ),
            (
                '_OF_THE_SERVER: Final = {"username", "password", ',
                '_OF_THE_SERVER: Final = {"username", ',
                "test_sentinels_are_not_told_the_password_of_the_servers",
            ),
        )
    ),
    Guard(
        "orchestrator/service/primary.py",
        "            other.look()\n",
        "            pass\n",
        "tests/service/test_primary.py::test_look_has_the_connections_of_renewals_follow",
    ),
    # service/updates: the subscription follows a server that moved
    Guard(
        "orchestrator/service/updates.py",
        "if self._renewals != renewals:",
        "if False:",
        "tests/service/test_updates.py::test_feed_subscribes_anew_when_connections_are_made_anew",
    ),
    # cli/context: what helps is said
    Guard(
        "orchestrator/cli/context.py",
        "if str(error).startswith(_OTHERS)",
        "if False",
        "tests/cli/test_context.py::test_commands_on_a_replica_name_the_doctor",
    ),
    Guard(
        "orchestrator/cli/context.py",
        'again if "+sentinel://" in shown else',
        "again if False else",
        "tests/cli/test_context.py::test_commands_have_patience_with_sentinels",
    ),
    # store/preflight: what answers is told, with what to write instead
    Guard(
        "orchestrator/store/preflight.py",
        'if mode != "sentinel":',
        "if True:",
        "tests/store/test_sentinels.py::test_address_of_the_wrong_kind_is_told_with_the_right_one",
    ),
    # store/client, store/line, scheduler/discovery: a server that became a replica is left
    Guard(
        "orchestrator/store/line.py",
        "if any(map(moved, replies)):",
        "if False:",
        "tests/store/test_moved.py",
    ),
    Guard(
        "orchestrator/store/client.py",
        '"-READONLY " in str(reply)',
        "False",
        "tests/store/test_moved.py::test_moved_knows_the_answer_of_a_replica",
    ),
    Guard(
        "orchestrator/store/client.py",
        '        options["connection_class"] = TlsConnection\n',
        "        pass\n",
        "tests/store/test_tls.py",
    ),
    *(
        Guard("orchestrator/store/client.py", text, instead, "tests/store/test_moved.py")
        for text, instead in (
            ("        self._outdated.update(self._connections)\n", ""),
            (
                "            if connection in self._outdated or not _ready(connection):\n",
                "            if not _ready(connection):\n",
            ),
            (
                (
                    "                # Before it connects: a renewal from here on closes it when it is given back.\n"
                    "                self._outdated.discard(connection)\n"
                ),
                "",
            ),
            ("        if connection in self._outdated:\n", "        if False:\n"),
            ("free.append(self.pool.get_nowait())", "free.extend(self.pool.queue); break"),
            ("        for connection in reversed(free):  #", "        for connection in free[:0]:  #"),
        )
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "if failures % FAILURES_BEFORE_RENEWAL == 0:",
        "if failures % FAILURES_BEFORE_RENEWAL == 1:",
        "tests/scheduler/test_scheduler_changes.py::test_scheduler_has_the_name_resolved_again_after_failures_in_a_row",
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "            self._listening.cancel()\n",
        "",
        "tests/scheduler/test_scheduler_changes.py::test_scheduler_listens_where_its_calls_go",
    ),
    Guard(
        "orchestrator/store/codes.py",
        "if code in (Code.OK, Code.DUP):",
        "if code is not Code.TYPE:",
        "tests/store/test_store.py::test_commit_without_the_lease_is_fenced",
    ),
    Guard(
        "orchestrator/store/codes.py",
        "Code.FENCED: (LeaseLostError,",
        "Code.FENCED: (StaleStateError,",
        "tests/store/test_store.py::test_commit_without_the_lease_is_fenced",
    ),
    Guard(
        "orchestrator/store/codes.py",
        "(*script.parts, *ARCHIVE)[index - 1]",
        "(*script.parts, *ARCHIVE)[index - 2]",
        "tests/store/test_store.py::test_acquire_refuses_a_key_of_a_foreign_type",
    ),
    # store/client: nothing is sent twice, nothing hangs, no password gets out
    Guard(
        "orchestrator/store/client.py",
        '"retry": Retry(NoBackoff(), 0)',
        '"retry": Retry(NoBackoff(), 3)',
        "tests/store/test_client.py::test_connect_never_retries",
    ),
    Guard(
        "orchestrator/store/client.py",
        '        "socket_timeout": timeout_s,\n',
        "",
        "tests/store/test_client.py::test_client_discards_a_connection_after_a_timeout",
    ),
    Guard(
        "orchestrator/store/connecting.py",
        '"max_connections": pool_size,',
        '"max_connections": 2 * pool_size,',
        "tests/store/test_client.py::test_store_waits_for_a_free_connection_and_no_longer",
    ),
    Guard(
        "orchestrator/store/client.py",
        "raise translate(error) from None",
        "raise translate(error) from error",
        "tests/store/test_client.py::test_translated_leaves_no_trace_of_the_original",
    ),
    Guard(
        "orchestrator/store/client.py",
        "mask_text(_QUOTED_ARGUMENTS.sub('', str(error)))",
        "mask_text(str(error))",
        "tests/store/test_client.py::test_translate_drops_the_arguments_that_redis_quotes",
    ),
    Guard(
        "orchestrator/store/client.py",
        "if isinstance(error, AuthenticationError | AuthorizationError):",
        "if isinstance(error, AuthorizationError):",
        "tests/store/test_client.py::test_translate_tells_refused_from_unavailable",
    ),
    Guard(
        "orchestrator/store/client.py",
        " and not str(error).startswith(_TRANSIENT_REPLIES):",
        ":",
        "tests/store/test_client.py::test_translate_tells_refused_from_unavailable",
    ),
    # store/documents, store/hints: what others wrote has a bound, and what was missed is said
    Guard(
        "orchestrator/store/documents.py",
        "getrange(key, 0, MAX_DOCUMENT_BYTES)",
        "getrange(key, 0, -1)",
        "tests/store/test_documents.py::test_summary_is_cut_one_byte_beyond_its_bound",
    ),
    Guard(
        "orchestrator/store/hints.py",
        "everything = everything or message[1] is None",
        "everything = False",
        "tests/store/test_hints.py::test_receive_hints_says_that_everything_may_have_changed",
    ),
    # scheduler/roster: no brand is forgotten, none is favoured, none is held twice
    Guard(
        "orchestrator/scheduler/roster.py",
        "self._cursor = start + CLAIM_SLICE",
        "self._cursor = start",
        "tests/scheduler/test_roster.py::test_claim_slices_start_elsewhere_each_time",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "        brand = self._ready.next(now_s)\n",
        "        brand = next(reversed(list(self._ready)), None)\n        self._ready.remove(brand or '')\n",
        "tests/scheduler/test_roster.py::test_take_serves_brands_in_the_order_in_which_they_got_work",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "brand = self._ready.next(now_s)",
        "brand = self._ready.next(now_s + 3600)",
        "tests/scheduler/test_roster.py::test_take_passes_over_a_brand_that_is_put_off",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "brand not in self._records or brand in self._held or",
        "brand not in self._records or",
        "tests/scheduler/test_roster.py::test_mark_ready_is_refused_for_a_brand_that_a_lane_holds",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "if outcome is LaneOutcome.YIELDED:",
        "if True:",
        "tests/scheduler/test_roster.py::test_finish_decides_who_is_taken_again",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "self._put_off(record, outcome, now_s, reason, code))\n            self._wait(brand)",
        "self._put_off(record, outcome, now_s, reason, code))",
        "tests/scheduler/test_roster.py::test_finish_decides_who_is_taken_again",
    ),
    # scheduler/backlog: what waits, and since when
    *(
        Guard(
            "orchestrator/scheduler/backlog.py",
            guard,
            instead,
            f"tests/scheduler/test_backlog.py::test_{noticed_by}",
        )
        for guard, instead, noticed_by in (
            (
                "if self._counted is None or now_s - self._counted[0] > STALE_S:",
                "if self._counted is None:",
                "statistics_are_unknown_before_a_count_and_when_it_is_old",
            ),
            (
                "if self._versions.get(brand, queue.version) != queue.version:",
                "if False:",
                "readiness_begins_anew_with_a_commit_of_another_process",
            ),
            (
                "self._versions.pop(brand, None)",
                "pass",
                "readiness_begins_anew_with_a_commit_of_our_own",
            ),
            (
                "if brand in queues or since_s >= began_s",
                "if brand in queues",
                "readiness_ends_when_a_queue_is_found_empty",
            ),
        )
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "slices = self._roster.claim_slices(everything=counting)",
        "slices = self._roster.claim_slices()",
        "tests/scheduler/test_scheduler.py::test_scheduler_counts_what_waits_for_lanes",
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "self._next_count_s = began_s + COUNT_S",
        "pass",
        "tests/scheduler/test_scheduler.py::test_scheduler_counts_once_a_second_without_hints",
    ),
    Guard(
        "orchestrator/scheduler/scheduler.py",
        "self._options.lane, self._warm.take(brand), ready_s=ready_s)",
        "self._options.lane, self._warm.take(brand))",
        "tests/scheduler/test_scheduler.py::test_scheduler_measures_lag_from_readiness",
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "            self._metrics.dead_letters.set(nan)\n",
        "",
        "tests/scheduler/test_scheduler.py::test_scheduler_counts_dead_letters",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "min(stamps.times) if stamps.retimed < len(chunks) else 0",
        "min(stamps.times)",
        "tests/brand/test_state.py::test_fold_reports_the_oldest_time_that_a_worker_said",
    ),
    # what a chunk says is bounded as a whole, and so is what it is compared with
    Guard(
        "orchestrator/contract/decode.py",
        "[_sharing(chunk) for chunk in chunks]",
        "chunks",
        "tests/brand/test_label_bombs.py",
    ),
    Guard(
        "orchestrator/kernels/words_py.py",
        "if looked_at and looked_at + len(keys) > SEARCHED_STORIES:",
        "if False:",
        "tests/brand/test_label_bombs.py",
    ),
    Guard(
        "orchestrator/kernels/words_py.py",
        "if looked_at and looked_at + len(keys) > SEARCHED_STORIES:",
        "if looked_at + len(keys) > SEARCHED_STORIES:",
        "tests/brand/test_label_bombs.py",
    ),
    # scheduler/waiting: a crowd of newcomers does not make a known brand wait, and nobody starves
    Guard(
        "orchestrator/scheduler/waiting.py",
        "self._known_in_a_row < KNOWN_SHARE",
        "self._known_in_a_row < 0",
        "tests/scheduler/test_waiting.py::test_a_known_brand_waits_for_few_newcomers_however_many_there_are",
    ),
    Guard(
        "orchestrator/scheduler/waiting.py",
        "(not self._newcomers or self._known_in_a_row < KNOWN_SHARE)",
        "True",
        "tests/scheduler/test_waiting.py::test_a_newcomer_waits_for_few_known_brands_however_many_there_are",
    ),
    Guard(
        "orchestrator/scheduler/waiting.py",
        "self._known_in_a_row + 1 if self._newcomers else 0",
        "self._known_in_a_row + 1",
        "tests/scheduler/test_waiting.py::test_known_brands_owe_newcomers_nothing_for_the_time_before_they_came",
    ),
    Guard(
        "orchestrator/scheduler/waiting.py",
        "return brand in self._later and self._later[brand][0] == not_before_s",
        "return brand in self._later",
        "tests/scheduler/test_waiting.py::test_a_brand_that_comes_again_waits_for_its_new_time",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "        if not self._read:\n            self._known.update(came)\n",
        "",
        "tests/scheduler/test_roster.py::test_take_does_not_let_a_crowd_of_new_brands_go_before_a_known_one",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "        if not self._read:\n            self._known.update(came)\n",
        "        self._known.update(came)\n",
        "tests/scheduler/test_roster.py::test_take_does_not_let_a_crowd_of_new_brands_go_before_a_known_one",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "            self._known.discard(brand)\n",
        "",
        "tests/scheduler/test_roster.py::test_a_brand_that_left_comes_back_as_a_newcomer",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "            self._note(brand, _Record(succeeded=True))\n            self._known.add(brand)",
        "            self._note(brand, _Record(succeeded=True))",
        "tests/scheduler/test_roster.py::test_a_newcomer_is_known_once_it_was_served",
    ),
    # process: no secret, no payload and no escape sequence gets out
    Guard(
        "orchestrator/process/masking.py",
        r"""[^\s\"']*@""",
        r"""[^\s\"'@]*@""",
        "tests/process/test_masking.py::test_mask_text_hides_any_password",
    ),
    Guard(
        "orchestrator/process/masking.py",
        "char if char.isprintable() or char in kept else _escape(char)",
        'char if char.isprintable() or char in kept or char == "\\x1b" else _escape(char)',
        "tests/process/test_masking.py::test_printable_shows_escapes_and_keeps_writing",
    ),
    Guard(
        "orchestrator/process/logs.py",
        "if name in _WITHHELD:",
        'if name == "payload":',
        "tests/process/test_logs.py::test_log_lines_hold_no_payloads",
    ),
    Guard(
        "orchestrator/process/backoff.py",
        "min(failures - 1, _LARGEST_EXPONENT)",
        "(failures - 1)",
        "tests/process/test_backoff.py",
    ),
    # settings: what cannot work is refused
    Guard(
        "orchestrator/settings/settings.py",
        "if self.redis_timeout_sec >= self.lock_ttl_sec:",
        "if self.redis_timeout_sec >= 2 * self.lock_ttl_sec:",
        "tests/settings/test_settings.py::test_settings_refuse_what_cannot_work",
    ),
    *HTTP_GUARDS,
    # brand/labels, brand/normal_form: the short ways say nothing that the rule does not
    Guard(
        "orchestrator/brand/labels.py",
        ' or label.lstrip()[:1] == "-":',
        ":",
        "tests/brand/test_labels.py",
    ),
    Guard(
        "orchestrator/brand/labels.py",
        "len(normal.key) <= _LONGEST_NO_NAME or",
        "not normal.key or",
        "tests/brand/test_labels.py",
    ),
    Guard(
        "orchestrator/brand/normal_form.py",
        'map(text.__contains__, ":|-)]',
        'map(text.__contains__, ":|)]',
        "tests/brand/test_normal_form.py",
    ),
    # service/fitness: what is told once is told once
    Guard(
        "orchestrator/service/fitness.py",
        "known.verdict is not finding.verdict and ",
        "",
        "tests/service/test_fitness.py",
    ),
    Guard(
        "orchestrator/service/fitness.py",
        ' and finding.check != "clock":',
        ":",
        "tests/service/test_fitness.py",
    ),
    *LAG_GUARDS,
    *LANE_GUARDS,
    *LAYOUT_GUARDS,
    *FORMAT_GUARDS,
    *DAMAGE_GUARDS,
    *ROUTING_GUARDS,
    *ARCHIVE_GUARDS,
    *ARCHIVIST_GUARDS,
    *MARKER_GUARDS,
    *CONSUMED_GUARDS,
    *PARQUET_GUARDS,
    *REBUILD_GUARDS,
    *OBJECTS_GUARDS,
    *NAMES_GUARDS,
    *SCHEDULE_GUARDS,
    *SEGMENT_GUARDS,
    *SETTINGS_GUARDS,
    *LETTER_GUARDS,
    *OWNER_GUARDS,
    *PAST_GUARDS,
    *PAUSE_GUARDS,
    *ORDER_GUARDS,
    *FLEET_GUARDS,
    *SPIKE_GUARDS,
    *TENDING_GUARDS,
    *WORKER_GUARDS,
)
