"""The guards of orders to processes: each is heard once, by its process, within bounds, and none outlives it."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_ORDER: Final = "orchestrator/contract/process_orders.py"
_BEAT: Final = "orchestrator/store/lua/beat.lua"
_STORE: Final = "orchestrator/store/process_orders.py"
_MEMBERS: Final = "orchestrator/store/members.py"
_OBEYS: Final = "orchestrator/service/obedience.py"
_HEARTBEAT: Final = "orchestrator/service/heartbeat.py"
_SCHEDULER: Final = "orchestrator/scheduler/scheduler.py"
_LANE: Final = "orchestrator/lane/lane.py"
_APP: Final = "orchestrator/service/app.py"

_MEANT: Final = "orchestrator/fleet/ordering.py"
_COMMAND: Final = "orchestrator/cli/processes.py"
_OPERATOR: Final = "orchestrator/service/operator.py"
_PAGES: Final = "orchestrator/http/ops_pages.py"
_API: Final = "orchestrator/http/ops_api.py"

_CHOOSES: Final = "tests/fleet/test_ordering.py"
_ORDERS: Final = "tests/cli/test_processes.py"
_READS: Final = "tests/contract/test_process_orders.py"
_LIES: Final = "tests/store/test_process_orders.py"
_DOES: Final = "tests/service/test_obedience.py"
_BEATS: Final = "tests/service/test_heartbeat.py"
_LANES: Final = "tests/scheduler/test_orders.py"
_SCHEDULED: Final = "tests/scheduler/test_scheduler.py"
_SERVES: Final = "tests/service/test_app.py::test_serve_obeys_operators"

ORDER_GUARDS: Final = (
    # contract/process_orders: what is no order of ours is none
    Guard(_ORDER, "if len(entry) > MAX_ENTRY_BYTES:", "if False:", _READS),
    Guard(_ORDER, "not 0 < found.at_ms <= _LAST_MS or ", "", _READS),
    Guard(_ORDER, "len(found.by) > MAX_BY_CHARS or ", "", _READS),
    Guard(_ORDER, "order.wanted is Wanted.LANES and 1 <=", "1 <=", _READS),
    Guard(_ORDER, "1 <= order.lanes <= MAX_LANES", "order.lanes <= MAX_LANES", _READS),
    Guard(_ORDER, "1 <= order.lanes <= MAX_LANES", "1 <= order.lanes", _READS),
    # beat.lua: heard once, byte for byte, and gone with its process
    Guard(_BEAT, "local ordered = redis.call('TYPE', orders).ok == 'hash'", "local ordered = true", _LIES),
    Guard(_BEAT, "if order == ARGV[6 + at] or ", "if ", _LIES),
    Guard(_BEAT, "if order == ARGV[6 + at] or ", "if ARGV[6 + at] ~= '' or ", _LIES),
    Guard(_BEAT, " or #order > most_bytes then", " then", _LIES),
    Guard(_BEAT, "if not living[whose or ''] then", "if not whose then", _LIES),
    # store: who looks reads within bounds, who orders knows the key
    Guard(_STORE, "if not 0 < client.hlen(orders) <= MAX_PLACES:", "if not client.hlen(orders):", _LIES),
    Guard(_STORE, 'if kind not in {b"none", b"hash"}:', "if False:", _LIES),
    Guard(_STORE, "            writing.pexpire(orders, round(TTL_S * 1000))\n", "", _LIES),
    Guard(_MEMBERS, "min(max(1, told.setting), MAX_LANES)", "told.setting", _LIES),
    Guard(
        _MEMBERS, "told.quiet_since_ms if _plausible(told.quiet_since_ms or 0) else None", "told.quiet_since_ms", _LIES
    ),
    Guard(_MEMBERS, "told.by[:MAX_BY_CHARS])", "told.by)", _LIES),
    # service: once, the last word is final, and said at once
    Guard(_OBEYS, "if not entry or entry == self.heard[place]:", "if not entry:", _DOES),
    Guard(
        _OBEYS,
        "        if self.stopped.is_set():  # there is no way back: lanes end already\n            return\n",
        "",
        _DOES,
    ),
    Guard(_OBEYS, "            if self._quiet_since_ms is None:\n", "            if True:\n", _DOES),
    Guard(_OBEYS, "order.lanes or self._setting", "order.lanes or self._lanes", _DOES),
    Guard(_HEARTBEAT, "            if await self._beat():\n", "            if await self._beat() and False:\n", _BEATS),
    Guard(_HEARTBEAT, "self._since_ms, told, obeyed))", "self._since_ms, told))", _BEATS),
    Guard(_APP, "    await orders.stopped.wait()\n", "    await trio.sleep_forever()\n", _SERVES),
    # scheduler: nothing more is begun, what is in work ends, and waiting lanes go first
    Guard(_SCHEDULER, " and not self._quiet\n", "\n", _LANES),
    Guard(
        _SCHEDULER,
        "        for lane in tuple(self._lanes.values()):\n            lane.stop()\n\n    def resume",
        "\n    def resume",
        _LANES,
    ),
    Guard(_SCHEDULER, "key=lambda lane: not lane.waiting", "key=lambda lane: lane.waiting", _LANES),
    Guard(_SCHEDULER, "by_use[: max(0, len(by_use) - lanes)]", "by_use[:0]", _LANES),
    Guard(
        _SCHEDULER,
        "len(self._lanes) < self._most_lanes and",
        "len(self._lanes) < self._options.concurrency and",
        _LANES,
    ),
    # fleet/ordering: who is meant, and when it is done
    Guard(_MEANT, "    if not named:\n", "    if False:\n", _CHOOSES),
    Guard(_MEANT, "if wanted is not None and len(named) > 1:", "if False:", _CHOOSES),
    Guard(_MEANT, "    if deaf:\n", "    if False:\n", _CHOOSES),
    Guard(_MEANT, "(member.quiet and not member.active)", "member.quiet", _CHOOSES),
    Guard(_MEANT, "wanted is Wanted.STOP or any(", "any(", _CHOOSES),
    Guard(_MEANT, "(order.wanted is Wanted.LANES) is lanes for", "order for", _CHOOSES),
    # surfaces: asked before an end, all or none, written down before
    Guard(_COMMAND, "    if not yes:\n", "    if False:\n", _ORDERS),
    Guard(_COMMAND, "            write_down(client, action, None, ", "            dict(", _ORDERS),
    Guard(_COMMAND, "if bool(names) == everything:", "if False:", _ORDERS),
    Guard(_COMMAND, "if not 1 <= number <= MAX_LANES:", "if False:", _ORDERS),
    Guard(
        _OPERATOR,
        '                self._write_down(by, f"processes {wanted.value}", None, told)\n',
        "",
        "tests/service/test_operator.py",
    ),
    Guard(_PAGES, 'if bool(name) == (form.get("all") == "yes"):', "if False:", "tests/http/test_ops_pages.py"),
    Guard(_API, "if (wanted.process is None) != wanted.all:", "if False:", "tests/http/test_ops_api.py"),
    Guard(
        _API,
        "if wanted.lanes is not None and wanted.action is not Wanted.LANES:",
        "if False:",
        "tests/http/test_ops_api.py",
    ),
    # sessions end everywhere, and while nobody can tell nobody is signed in
    Guard(_PAGES, "and await _ended(view, found)", "and False", "tests/http/test_ops_pages.py"),
    Guard(
        _PAGES,
        "    except StoreError:\n        return True\n",
        "    except StoreError:\n        return False\n",
        "tests/http/test_ops_pages.py",
    ),
    Guard(_PAGES, "    g.signed_out = True\n", "", "tests/http/test_ops_pages.py"),
    Guard("orchestrator/store/signed_out.py", ", px=max(1, left_ms))", ")", "tests/service/test_operator.py"),
    # leases: what went before its time was taken, and nothing else
    *(
        Guard(_LANE, text, instead, "tests/lane/test_lane.py")
        for text, instead in (
            ("trio.current_time() < self._extended_s + self._options.lease_ttl_s", "False"),
            ("isinstance(error, LeaseLostError) and self._taken", "self._taken"),
            ("        self._extended_s = sent_s\n", "        del sent_s\n"),
        )
    ),
    Guard(_SCHEDULER, "                lane.renewed(sent_s)\n", "                pass\n", _SCHEDULED),
)
"""Every row."""
