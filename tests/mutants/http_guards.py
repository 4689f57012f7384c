"""The guards of what is reached over HTTP, and of the alerts that go out over it."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

HTTP_GUARDS: Final = (
    # what waits: nobody's count is no empty queue, and a copy is no count
    Guard(
        "orchestrator/service/view.py",
        "            return Lag()\n",
        "            return Lag(chunks=0, brands=0, oldest_s=0.0)\n",
        "tests/service/test_view.py::test_lag_is_what_the_scheduler_counted",
    ),
    Guard(
        "orchestrator/http/lag.py",
        '    response.headers["Cache-Control"] = "no-store"',
        '    response.headers["X-Cache"] = "no-store"',
        "tests/http/test_lag.py::test_lag_tells_what_waits",
    ),
    # http: limits that a reader cannot talk away
    Guard(
        "orchestrator/http/places.py",
        "if len(self) >= self._limits.served + RESERVE else None",
        "if len(self) > self._limits.served + RESERVE else None",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/places.py",
        "return len(self._served) >= self._limits.served",
        "return len(self._served) > self._limits.served",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/places.py",
        "self._evict(next(iter(self._waiting)))",
        "self._evict(next(reversed(self._waiting)))",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/places.py",
        "        if not place.gone:\n            self.rest(place)",
        "        self.serve(place)",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/places.py",
        "if self._limits.per_address and not place.known:",
        "if self._limits.per_address:",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/places.py",
        "if each.known and each.address == place.address",
        "if each.address == place.address",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/places.py",
        "            self._known[place.address] -= 1\n",
        "",
        "tests/http/test_places.py",
    ),
    Guard(
        "orchestrator/http/dialect.py",
        'if not request.http_version.startswith(b"1."):',
        'if request.http_version.startswith(b"3."):',
        "tests/http/test_dialect.py",
    ),
    Guard(
        "orchestrator/http/dialect.py",
        '(b"content-length" in names or',
        '(b"host" not in names or',
        "tests/http/test_dialect.py",
    ),
    Guard(
        "orchestrator/http/dialect.py",
        'or request.http_version < b"1.1")',
        ")",
        "tests/http/test_dialect.py",
    ),
    Guard(
        "orchestrator/http/dialect.py",
        "            self._probe()\n            return 0",
        "            self._probe()",
        "tests/http/test_server.py",
    ),
    Guard(
        "orchestrator/http/dialect.py",
        "    async def _check_protocol(",
        "    async def _check_no_protocol(",
        "tests/http/test_dialect.py",
    ),
    Guard(
        "orchestrator/http/server.py",
        "                self._desk.rest(self._place)\n",
        "                pass\n",
        "tests/http/test_server.py",
    ),
    Guard(
        "orchestrator/http/server.py",
        "            self._connections.pop(evicted).end()",
        "            self._connections.pop(evicted)",
        "tests/http/test_server.py",
    ),
    Guard(
        "orchestrator/http/server.py",
        "with trio.move_on_after(HOUSEKEEPING_S, shield=True):",
        "with trio.move_on_after(HOUSEKEEPING_S):",
        "tests/http/test_server.py::test_idle_connections_are_closed_after_the_keep_alive_time",
    ),
    Guard(
        "orchestrator/http/server.py",
        "with trio.move_on_after(SEND_TIMEOUT_S):",
        "with trio.CancelScope():",
        "tests/http/test_server.py::test_send_deadline_closes_a_reader_that_stopped_reading",
    ),
    Guard(
        "orchestrator/http/server.py",
        "except* Exception as errors:",
        "except* OSError as errors:",
        "tests/http/test_server_hostile.py",
    ),
    Guard(
        "orchestrator/http/events.py",
        "if streams.open >= MAX_SUBSCRIBERS:",
        "if streams.open > MAX_SUBSCRIBERS:",
        "tests/http/test_events.py::test_events_keeps_to_the_limit_when_many_come_at_once",
    ),
    Guard(
        "orchestrator/http/documents.py",
        "if len(raw) > MAX_DOCUMENT_BYTES:",
        "if len(raw) > 2 * MAX_DOCUMENT_BYTES:",
        "tests/http/test_documents.py::test_parse_summary_refuses_what_is_no_summary",
    ),
    Guard(
        "orchestrator/http/answers.py",
        "if text.isascii() and text.isdigit()",
        "if text.isdigit()",
        "tests/http/test_api.py::test_brands_refuses_bad_numbers",
    ),
    # http/parameters: nothing that was asked is passed over
    Guard(
        "orchestrator/http/parameters.py",
        "        if name not in known:",
        "        if False:",
        "tests/http/test_parameters.py",
    ),
    Guard(
        "orchestrator/http/parameters.py",
        "        if len(values) > 1:",
        "        if False:",
        "tests/http/test_parameters.py::test_a_parameter_stands_there_once",
    ),
    Guard(
        "orchestrator/http/parameters.py",
        " and request.path not in PROBES:",
        ":",
        "tests/http/test_parameters.py::test_probes_take_whatever_a_load_balancer_adds",
    ),
    Guard(
        "orchestrator/http/directory.py",
        "return [] if part.strip() else self._names",
        "return self._names",
        "tests/http/test_directory.py::test_find_of_marks_alone_is_nothing",
    ),
    # http/mount, http/cors, http/compression: under a path, for other origins, in fewer bytes
    Guard(
        "orchestrator/http/mount.py",
        'if path.startswith(f"{root}/") else root + path',
        "if path.startswith(root) else root + path",
        "tests/http/test_mount.py::test_mounting_twice_is_mounting_once",
    ),
    Guard(
        "orchestrator/settings/addresses.py",
        "if parts[0] in OWN_PATHS:",
        "if path in OWN_PATHS:",
        "tests/settings/test_settings.py::test_settings_refuse_what_cannot_work",
    ),
    Guard(
        "orchestrator/http/cors.py",
        " and path != _CLOSED and not path.startswith(",
        " and not path.startswith(",
        "tests/http/test_cors.py::test_what_is_open_is_the_read_api_alone",
    ),
    Guard(
        "orchestrator/http/cors.py",
        'return origin if origin in origins else ""',
        "return origin",
        "tests/http/test_cors.py::test_another_origin_is_told_nothing",
    ),
    Guard(
        "orchestrator/http/cors.py",
        "        if ANY not in origins:  #",
        "        if False:  #",
        "tests/http/test_cors.py::test_a_named_origin_reads_documents_and_errors",
    ),
    Guard(
        "orchestrator/http/compression.py",
        'return response.mimetype != "text/html" or not request.headers.get("Cookie")',
        "return True",
        "tests/http/test_compression.py::test_pages_for_who_is_signed_in_are_not_compressed",
    ),
    Guard(
        "orchestrator/http/compression.py",
        'if "no-transform" in response.headers.get("Cache-Control", ""):',
        "if False:",
        "tests/http/test_compression.py::test_what_must_not_be_changed_is_not_compressed",
    ),
    Guard(
        "orchestrator/http/compression.py",
        "            response.set_etag(etag, weak=True)",
        "            pass",
        "tests/http/test_compression.py::test_a_compressed_answer_has_a_weak_tag_that_is_known_again",
    ),
    Guard(
        "orchestrator/http/compression.py",
        "return bool(gzip > 0 and gzip >= plain)",
        "return bool(gzip > 0)",
        "tests/http/test_compression.py::test_gzip_is_sent_to_who_takes_it",
    ),
    # http/access, http/guard: who is let in, by which name, and what is told to whom
    Guard(
        "orchestrator/http/access.py",
        "return Right.ACT if bearer else Right.READ",
        "return Right.ACT",
        "tests/http/test_access.py::test_right_is_what_the_token_gives",
    ),
    Guard(
        "orchestrator/http/access.py",
        "least = Right.NOTHING if self._readers is not None else Right.READ",
        "least = Right.READ",
        "tests/http/test_access.py::test_right_is_what_the_token_gives",
    ),
    Guard(
        "orchestrator/http/access.py",
        "        if not given:\n            return least\n",
        "        if not given:\n            return Right.READ\n",
        "tests/http/test_access.py::test_right_is_what_the_token_gives",
    ),
    Guard(
        "orchestrator/http/access.py",
        "hmac.compare_digest(digest, self._digest(token))",
        "digest[:0] == self._digest(token)[:0]",
        "tests/http/test_access.py::test_right_is_what_the_token_gives",
    ),
    Guard(
        "orchestrator/http/access.py",
        "if not 1 <= len(tokens) <= MAX_TOKENS:",
        "if len(tokens) > MAX_TOKENS:",
        "tests/http/test_access.py::test_a_file_without_fit_tokens_is_refused",
    ),
    Guard(
        "orchestrator/http/access.py",
        "MIN_TOKEN_CHARS <= len(line) <= MAX_TOKEN_CHARS and",
        "len(line) <= MAX_TOKEN_CHARS and",
        "tests/http/test_access.py::test_a_file_without_fit_tokens_is_refused",
    ),
    Guard(
        "orchestrator/http/access.py",
        "if len(content) > MAX_FILE_BYTES:",
        "if len(content) > 2 * MAX_FILE_BYTES:",
        "tests/http/test_access.py::test_check_names_what_cannot_be_read",
    ),
    Guard(
        "orchestrator/http/access.py",
        "or host in self._hosts or _without_port(host) in self._hosts",
        "or any(host.startswith(name) for name in self._hosts)",
        "tests/http/test_access.py::test_knows_host_compares_whole_names",
    ),
    Guard(
        "orchestrator/http/guard.py",
        "        if request.path in PROBES:\n            return\n",
        "",
        "tests/http/test_guard.py::test_probes_are_never_guarded",
    ),
    Guard(
        "orchestrator/http/guard.py",
        "if hosts and not access.knows_host(",
        "if hosts and access is None and not access.knows_host(",
        "tests/http/test_guard.py::test_a_foreign_host_is_misdirected",
    ),
    Guard(
        "orchestrator/http/guard.py",
        "if g.right < Right.READ:",
        "if g.right < Right.NOTHING:",
        "tests/http/test_guard.py::test_without_a_token_nothing_is_read",
    ),
    Guard(
        "orchestrator/http/health.py",
        "(details and check.inner) or check.detail",
        "check.inner or check.detail",
        "tests/http/test_guard.py::test_health_tells_servers_texts_to_operators_alone",
    ),
    Guard(
        "orchestrator/service/view.py",
        "scheduler.redis_summary, scheduler.redis_reason",
        "scheduler.redis_reason",
        "tests/service/test_view.py",
    ),
    # store/outbox: one tells at a time, and nothing leaves before it is told
    Guard(
        "orchestrator/store/outbox.py",
        'token, "NX", "PX",',
        'token, "PX",',
        "tests/store/test_outbox.py::test_take_is_for_one_at_a_time",
    ),
    Guard(
        "orchestrator/store/outbox.py",
        "asked = brands[:MAX_SWEEP]",
        "asked = brands",
        "tests/store/test_outbox.py::test_waiting_looks_at_so_many_brands_a_call",
    ),
    Guard(
        "orchestrator/store/outbox.py",
        "and not _number(told)",
        "",
        "tests/store/test_outbox.py::test_waiting_names_brands_whose_alerts_nobody_tells",
    ),
    # alerts: an endpoint cannot hold the others up
    Guard(
        "orchestrator/alerts/deliver.py",
        "min(RETRY_AFTER_MAX_S, float(text))",
        "float(text)",
        "tests/alerts/test_deliver.py::test_deliver_honours_retry_after",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:",
        "except httpx.HTTPError as error:",
        "tests/alerts/test_deliver.py::test_deliver_survives_an_address_that_is_none",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:",
        "except (httpx.HTTPError, ValueError) as error:",
        "tests/alerts/test_deliver.py::test_deliver_survives_an_address_that_is_none",
    ),
    Guard(
        "orchestrator/contract/outbox.py",
        '    id: Annotated[str, Meta(pattern=r"^[!-~]{1,128}\\Z")]\n',
        "    id: str\n",
        "tests/contract/test_outbox.py::test_what_is_no_entry_is_none",
    ),
    Guard(
        "orchestrator/contract/outbox.py",
        "    at: Annotated[int, Meta(ge=0, le=2**53)]\n",
        "    at: int\n",
        "tests/contract/test_outbox.py::test_what_is_no_entry_is_none",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "with trio.fail_after(ATTEMPT_TIMEOUT_S):",
        "with trio.CancelScope():",
        "tests/alerts/test_deliver.py::test_an_attempt_has_one_deadline_however_the_answer_drips",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "                reason = str(error)\n                break\n",
        "                reason, wait_s = str(error), 0.0\n",
        "tests/alerts/test_deliver.py::test_deliver_gives_up_what_is_refused",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "        if outcome is None:\n            return False\n        await",
        "        await",
        "tests/alerts/test_deliver.py::test_a_lost_hold_leaves_the_alert_to_whoever_has_it",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "        await self.outboxes.remove(brand, raw)\n",
        "",
        "tests/alerts/test_deliver.py::test_deliver_sends_a_signed_message",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "if self.wall_clock() - entry.at / 1000 > EXPIRY_S:",
        "if self.wall_clock() - entry.at / 1000 > 2 * EXPIRY_S:",
        "tests/alerts/test_deliver.py::test_deliver_drops_what_is_too_old",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "if not await self.outboxes.hold(brand, token, wait_s + HOLD_S):",
        "if not await self.outboxes.hold(brand, token, HOLD_S):",
        "tests/alerts/test_deliver.py::test_deliver_honours_retry_after",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "            if not await self.outboxes.hold(brand, token, HOLD_S):\n",
        "            if await self.outboxes.hold(brand, token, HOLD_S) is None:\n",
        "tests/alerts/test_deliver.py::test_what_comes_after_a_lost_hold_is_not_begun",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "with trio.move_on_after(LEAVE_S, shield=True), suppress",
        "with trio.move_on_after(LEAVE_S), suppress",
        "tests/alerts/test_deliver.py::test_cancelled_it_gives_the_right_back",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "return not self.stopping.is_set()",
        "return True",
        "tests/alerts/test_deliver.py::test_finish_tells_what_is_ready",
    ),
    Guard(
        "orchestrator/alerts/deliver.py",
        "                for brand in await self._outboxes.waiting(brands):\n                    self.wake(brand)\n",
        "                await self._outboxes.waiting(brands)\n",
        "tests/alerts/test_deliver.py::test_sweep_finds_what_nobody_tells",
    ),
    Guard(
        "orchestrator/alerts/turns.py",
        "if brand in self._taken:",
        "if False:",
        "tests/alerts/test_turns.py",
    ),
    Guard(
        "orchestrator/alerts/cooldown.py",
        "if told_number != entry.number and",
        "if",
        "tests/alerts/test_cooldown.py",
    ),
    Guard(
        "orchestrator/lane/pipeline.py",
        "batch.commit = replace(commit, outbox=outbox)",
        "batch.commit = commit",
        "tests/alerts/test_service.py",
    ),
)
