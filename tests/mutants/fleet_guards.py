"""The guards of the picture of the fleet: who holds what, what is left alone, and what of Redis is believed."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_VIEW: Final = "orchestrator/fleet/view.py"
_NOTICING: Final = "orchestrator/fleet/noticing.py"
_PARKED: Final = "orchestrator/store/parked.py"
_FLEET: Final = "orchestrator/store/fleet.py"
_MEMBERS: Final = "orchestrator/store/members.py"
_ROSTER: Final = "orchestrator/scheduler/roster.py"
_NOTICES: Final = "orchestrator/service/notices.py"
_LOOK: Final = "orchestrator/store/lua/look.lua"
_PARK: Final = "orchestrator/store/lua/park.lua"
_LOCKS: Final = "orchestrator/cli/locks.py"

_STANDS: Final = "tests/fleet/test_view.py"
_CHANGES: Final = "tests/fleet/test_noticing.py"
_READS: Final = "tests/store/test_fleet.py"
_TOLD: Final = "tests/service/test_notices.py"
_ROSTERS: Final = "tests/scheduler/test_roster.py"
_BREAKS: Final = "tests/cli/test_locks.py"

FLEET_GUARDS: Final = (
    # fleet/view: an operator's word, then who works on it, then who leaves it alone
    Guard(_VIEW, "and (parked is None or holder.name != parked.by)", "", _STANDS),
    Guard(_VIEW, "and (parked is None or holder.name != parked.by)", "and parked is None", _STANDS),
    Guard(_VIEW, "    if paused is not None:\n        return Standing.PAUSED\n", "", _STANDS),
    # fleet/noticing: each entry is true, and nobody's entry is taken out that lives and is right
    Guard(_NOTICING, "if brand not in entries and brand in found", "if brand not in entries", _CHANGES),
    Guard(
        _NOTICING,
        "if there is None or own != there:",
        "if True:",
        _CHANGES,
    ),
    Guard(_NOTICING, "if there is None or own != there:", "if own != there:", _CHANGES),
    Guard(_NOTICING, "if own is None and brand in committed:", "if own is None:", _CHANGES),
    Guard(_NOTICING, "if own is None and brand in committed:", "if brand in committed:", _CHANGES),
    Guard(_NOTICING, " and there.by in living:", ":", _CHANGES),
    Guard(_NOTICING, " and there.by != name", "", _CHANGES),
    Guard(_NOTICING, " or there.code is not own.code:", ":", _CHANGES),
    # service/notices: what is gone is known after what it said
    Guard(_NOTICES, '        self._failure, self._told = "", found\n', '        self._failure = ""\n', _TOLD),
    Guard(_NOTICES, "        self._committed -= committed\n", "", _TOLD),
    # store/parked, store/members, store/fleet: what Redis says is bounded and looked at
    Guard(_PARKED, "if entry is None or len(entry) > MAX_ENTRY_BYTES:", "if entry is None:", _READS),
    Guard(_PARKED, "if not name or not 0 <= told.since_ms < _MAX_TIME:", "if not name:", _READS),
    Guard(_PARKED, "return brand if check_brand(brand) == brand else None", "return brand", _READS),
    Guard(
        _MEMBERS, "return all(0 <= number <= _MOST for number in numbers)", "return True", "tests/store/test_members.py"
    ),
    Guard(_MEMBERS, "        if left < 0:\n            break\n", "", "tests/store/test_members.py"),
    Guard(_FLEET, "for brand, one in parked.items() if one.by in living}", "for brand, one in parked.items()}", _READS),
    Guard(_FLEET, "return False if is_process(name) else None", "return None", _READS),
    Guard(_FLEET, "since_ms=min(epoch, now_ms) if epoch else None", "since_ms=epoch", _READS),
    Guard(_FLEET, "field.isdigit() and len(field) <= _MOST_DIGITS else None", "field else None", _READS),
    Guard(_LOOK, "return type(found) == 'string' and #found <= most and found or ''", "return found or ''", _READS),
    Guard(_LOOK, "return type(found) == 'number' and found or -1", "return found", _READS),
    Guard(_LOOK, "redis.pcall('GETRANGE', lock, 0, token_bytes - 1)", "redis.call('GETRANGE', lock, 0, -1)", _READS),
    # park.lua: only what is still as it was seen is changed, and the key is bounded
    Guard(_PARK, "(redis.call('HGET', parked, brand) or '') == seen", "true", _TOLD),
    Guard(_PARK, "(seen ~= '' or redis.call('HLEN', parked) < most)", "true", _TOLD),
    Guard(_PARK, "if redis.call('HLEN', parked) > most then redis.call('DEL', parked) end", "", _TOLD),
    # scheduler/roster: what is told of a brand, and since when
    Guard(_ROSTER, "failures >= FAILING_FROM and", "", _ROSTERS),
    Guard(_ROSTER, "and code in FAILING and not record.parked:", "and code in FAILING:", _ROSTERS),
    Guard(_ROSTER, "known.since_s if known is not None and known.code is code else now_s", "now_s", _ROSTERS),
    # cli/locks: asked before, written down before, and only the lock that was shown
    Guard(
        _LOCKS,
        "        if not yes:\n            click.confirm",
        "        if False:\n            click.confirm",
        _BREAKS,
    ),
    Guard(_LOCKS, "if not break_lock(client, name, holder.token):", "if False:", _BREAKS),
    Guard(
        "orchestrator/store/locks.py", "names, token, 0, 0)", "names, client.get(keys.lock) or token, 0, 0)", _BREAKS
    ),
    # lane/session: a lock names who holds it
    Guard(
        "orchestrator/lane/session.py", "new_token(config.holder)", 'new_token("nobody")', "tests/lane/test_session.py"
    ),
)
"""Every row."""
