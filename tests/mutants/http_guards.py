"""The guards of what is reached over HTTP, and of the alerts that go out over it."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

HTTP_GUARDS: Final = (
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
        "except (trio.WouldBlock, trio.ClosedResourceError) as error:",
        "except trio.ClosedResourceError as error:",
        "tests/alerts/test_deliver.py::test_offer_never_waits",
    ),
)
