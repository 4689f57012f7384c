"""Guards of pauses: nothing of a paused brand is committed, nobody asks for it hot, and it goes on within a second."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_STORE: Final = "tests/store/test_pauses.py"
_SCHEDULER: Final = "tests/scheduler/test_pauses.py"
_MARK: Final = "tests/contract/test_pauses.py"
_ACQUIRE: Final = "orchestrator/store/lua/acquire.lua"
_DISCOVERY: Final = "orchestrator/scheduler/discovery.py"
_PURGE: Final = "tests/store/test_purge.py"
_PURGE_LUA: Final = "orchestrator/store/lua/purge.lua"
_ROSTER: Final = "orchestrator/scheduler/roster.py"
_PAUSES: Final = "orchestrator/scheduler/pauses.py"

PAUSE_GUARDS: Final = (
    # the mark: the guard in Redis and those who read agree about its end
    Guard(_ACQUIRE, "until_ms <= now_ms", "until_ms > now_ms", _STORE),
    Guard(_ACQUIRE, "'^{\"untilMs\":(%d+),'", "'\"untilMs\":(%d+)'", _STORE),
    Guard(_ACQUIRE, "brand ~= '' and redis.call('TYPE', paused)", "redis.call('TYPE', paused)", _STORE),
    Guard(_ACQUIRE, "redis.call('TYPE', paused).ok == 'hash' and ", "", _STORE),
    Guard(_ACQUIRE, "mark:sub(1, 4096)", "mark", _STORE),
    Guard("orchestrator/contract/pauses.py", "_UNTIL.match(", "_UNTIL.search(", _MARK),
    Guard("orchestrator/contract/pauses.py", "self.until_ms > now_ms", "self.until_ms >= now_ms", _MARK),
    Guard("orchestrator/contract/pauses.py", "told.reason[:MAX_REASON_CHARS]", "told.reason", _MARK),
    Guard("orchestrator/contract/pauses.py", "if 0 < told.since_ms <= _LAST_MS else 0", "", _MARK),
    # the lease goes in the step that sets the mark
    Guard(
        "orchestrator/store/lua/pause.lua",
        "redis.call('DEL', KEYS[FIRST_LOCK + place])",
        "redis.call('EXISTS', KEYS[FIRST_LOCK + place])",
        _STORE,
    ),
    # how it is asked for
    Guard(
        "orchestrator/store/pauses.py",
        "if until_ms is not None and until_ms <= now_ms:",
        "if until_ms is not None and until_ms < now_ms:",
        _STORE,
    ),
    Guard("orchestrator/store/pauses.py", "if each.holds(now_ms)}", "if each}", _STORE),
    Guard("orchestrator/service/repair.py", ", even_paused=True", "", "tests/cli/test_repair.py"),
    Guard(
        "orchestrator/cli/brands_pause.py",
        "        check_registered(client, settings, brands)\n",
        "",
        "tests/cli/test_brands_pause.py",
    ),
    Guard(
        "orchestrator/cli/brands_pause.py",
        '            write_down(client, "pause", brand, ',
        "            dict(",
        "tests/cli/test_brands_pause.py",
    ),
    # purge: all or nothing, under any lease, and epochs go on
    Guard(_PURGE_LUA, "tonumber(epoch) > now_ms", "tonumber(epoch) < now_ms", _PURGE),
    Guard(_PURGE_LUA, "redis.call('UNLINK', KEYS[at])", "redis.call('EXISTS', KEYS[at])", _PURGE),
    Guard(_PURGE_LUA, "redis.call('UNLINK', meta)", "redis.call('EXISTS', meta)", _PURGE),
    Guard(_PURGE_LUA, "#epoch <= 15 and ", "", _PURGE),
    Guard(_PURGE_LUA, "epoch:find('^%d+$') and ", "", _PURGE),
    Guard(_PURGE_LUA, "kind(meta) == 'hash' and ", "", _PURGE),
    Guard(_PURGE_LUA, "kind(key) == 'list' and redis.call('LLEN', key) or 0", "redis.call('LLEN', key)", _PURGE),
    Guard(_PURGE_LUA, "local tells = knows_pauses == 'hash' or knows_pauses == 'none'", "local tells = true", _PURGE),
    Guard(_PURGE_LUA, "redis.call('HDEL', paused, '')", "redis.call('HDEL', paused, brand, '')", _PURGE),
    Guard(_PURGE_LUA, "redis.call('SET', lock, token, 'PX', hold_ms)", "redis.call('DEL', lock)", _PURGE),
    Guard("orchestrator/store/purge.py", '_APART: Final = ("queue", "failed")', '_APART: Final = ("failed",)', _PURGE),
    Guard(
        "orchestrator/cli/brands_remove.py",
        "    unregister(client, settings.brand_list_keys, brand)\n    hold_s",
        "    hold_s",
        "tests/cli/test_brands.py",
    ),
    Guard("orchestrator/cli/brands_remove.py", "    _ask(found, how)\n", "    how.yes\n", "tests/cli/test_brands.py"),
    Guard(
        _DISCOVERY, "            self._registry_stale.set()  # who purges", "            pass  # who purges", _SCHEDULER
    ),
    # the process: it knows of each change, asks for no brand that is paused, and asks soon enough
    Guard(_PAUSES, "return self._doubted or stamp != self._stamp", "return self._doubted", _SCHEDULER),
    Guard(_PAUSES, "return self._doubted or stamp != self._stamp", "return stamp != self._stamp", _SCHEDULER),
    Guard(_PAUSES, "        self._doubted = True  # the stamp", "        self._stamp = None  # the stamp", _SCHEDULER),
    Guard(_PAUSES, "if pause.holds(now_ms)}", "if pause}", _SCHEDULER),
    Guard(_DISCOVERY, "self._roster.full() or self.pauses.holding", "self._roster.full()", _SCHEDULER),
    Guard(_DISCOVERY, "(QUEUE_PREFIX, PAUSED_KEY, *self", "(QUEUE_PREFIX, *self", _SCHEDULER),
    Guard(_DISCOVERY, "            elif key == PAUSED_KEY:\n", "            elif False:\n", _SCHEDULER),
    Guard(_DISCOVERY, "            self.look_at_pauses()\n", "            self._claim_now.set()\n", _SCHEDULER),
    Guard(_DISCOVERY, "if self._roster.brands() != brands:", "if False:", _SCHEDULER),
    Guard(
        _DISCOVERY, '                self._next_count_s = float("-inf")  # where', "                # where", _SCHEDULER
    ),
    Guard(
        _DISCOVERY,
        "            self._lanes.dismiss(brand)\n        self.count_alone()\n        ended",
        "            pass\n        self.count_alone()\n        ended",
        _SCHEDULER,
    ),
    Guard(_DISCOVERY, "began[:PAUSES_TOLD]", "began", _SCHEDULER),
    Guard(_DISCOVERY, "        self.backlog.pause(holding.keys())\n", "", _SCHEDULER),
    Guard(
        "orchestrator/scheduler/scheduler.py",
        "            self._discovery.look_at_pauses()\n",
        "            pass\n",
        _SCHEDULER,
    ),
    Guard(_ROSTER, " or brand in self._paused:\n            return False", ":\n            return False", _SCHEDULER),
    Guard(
        _ROSTER,
        "            self._ready.remove(brand)\n        return [brand",
        "            pass\n        return [brand",
        _SCHEDULER,
    ),
    Guard(
        _ROSTER,
        "            self._forget(brand)\n            self._ready.remove",
        "            self._ready.remove",
        _SCHEDULER,
    ),
    Guard(_DISCOVERY, "        self.count_alone()\n        ended", "        ended", _SCHEDULER),
    Guard(_DISCOVERY, "        self.count_alone()\n        if came", "        if came", _SCHEDULER),
    Guard(_ROSTER, "LaneOutcome.PAUSED or brand in self._paused:", "LaneOutcome.PAUSED:", _SCHEDULER),
    Guard(_ROSTER, "outcome is LaneOutcome.PAUSED or brand", "brand", _SCHEDULER),
    Guard("orchestrator/scheduler/backlog.py", " and brand not in self._paused and not", " and not", _SCHEDULER),
    Guard(
        "orchestrator/scheduler/backlog.py",
        "            self._since_s.pop(brand, None)\n        self._paused",
        "            pass\n        self._paused",
        _SCHEDULER,
    ),
    Guard(
        "orchestrator/lane/telling.py",
        "(BrandPausedError, LaneOutcome.PAUSED, None)",
        "(BrandPausedError, LaneOutcome.FAILED, None)",
        "tests/lane/test_lane.py",
    ),
    Guard(
        "orchestrator/lane/session.py",
        "except (BrandBusyError, BrandPausedError, NewerStateError",
        "except (BrandBusyError, NewerStateError",
        "tests/lane/test_session.py",
    ),
    Guard(
        "orchestrator/store/codes.py",
        "        raise BrandPausedError(",
        "        raise ValueError(",
        _STORE,
    ),
)
