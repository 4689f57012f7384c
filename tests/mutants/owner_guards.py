"""Guards of sharing brands out: no brand is forgotten whoever is away, and nobody takes what others work on."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_OWNERSHIP: Final = "orchestrator/scheduler/ownership.py"
_LOOKS: Final = "orchestrator/scheduler/looks.py"
_LATER: Final = "orchestrator/scheduler/later.py"
_SHARING: Final = "orchestrator/scheduler/sharing.py"
_STRAIN: Final = "orchestrator/scheduler/strain.py"
_BACKLOG: Final = "orchestrator/scheduler/backlog.py"
_DISCOVERY: Final = "orchestrator/scheduler/discovery.py"
_SCHEDULER: Final = "orchestrator/scheduler/scheduler.py"
_GLANCE: Final = "orchestrator/store/glance.py"
_STORE: Final = "orchestrator/store/store.py"
_MEMBERS: Final = "orchestrator/store/members.py"
_HEARTBEAT: Final = "orchestrator/service/heartbeat.py"

_RANKS: Final = "tests/scheduler/test_ownership.py"
_ASKS: Final = "tests/scheduler/test_looks.py"
_WAITS: Final = "tests/scheduler/test_later.py"
_SHARES: Final = "tests/scheduler/test_sharing.py"
_STRAINS: Final = "tests/scheduler/test_strain.py"
_COUNTS: Final = "tests/scheduler/test_backlog.py"
_GLANCES: Final = "tests/store/test_glance.py"
_LIVES: Final = "tests/store/test_members.py"
_BEATS: Final = "tests/service/test_heartbeat.py"

OWNER_GUARDS: Final = (
    # who comes first: all agree, whatever they know besides
    Guard(_OWNERSHIP, "(name in self._strained, -score", "(-score", _RANKS),
    Guard(_OWNERSHIP, "names = sorted({", "names = list({", _RANKS),
    Guard(_OWNERSHIP, "if name != self._name:", "if True:", _RANKS),
    Guard(_OWNERSHIP, " if with_us else {*others}) or", ") or", _RANKS),
    Guard(_OWNERSHIP, "or [self._name]", "or []", _RANKS),
    Guard(_OWNERSHIP, "        if self._name not in self._processes:\n            return set()\n", "", _RANKS),
    # what is asked: own brands always, those of others in time, dues when they have come
    Guard(_LOOKS, "        self.doubt(gained)\n", "", _ASKS),
    Guard(_LOOKS, "        self.ended(gained)\n", "", _ASKS),
    Guard(_LOOKS, "min(OTHERS_S, ttl_s)", "OTHERS_S", _ASKS),
    Guard(_LOOKS, "now_s - self._own_s >= OWN_S", "True", _ASKS),
    Guard(_LOOKS, "part.brands - self._doubtful)", "part.brands)", _ASKS),
    Guard(_LOOKS, "self._theirs.all if self._all else ", "", _ASKS),
    Guard(_LOOKS, "        self._doubtful |= self.own\n        self._all", "        self._all", _ASKS),
    Guard(_LOOKS, "        self.ended(due)  # nobody", "        # nobody", _ASKS),
    Guard(_LOOKS, "if idle(brand)]", "]", _ASKS),
    Guard(_LOOKS, "if self._dues.get(brand) == due_ms:", "if brand in self._dues:", _ASKS),
    Guard(_LOOKS, "0 < due_ms <= now_ms + NEAR_MS", "0 < due_ms", _ASKS),
    Guard(_LOOKS, "now_ms if told_ms == STRANGE else told_ms", "told_ms", _ASKS),
    Guard(_LOOKS, "            else:\n                self._dues.pop(brand, None)\n", "", _ASKS),
    Guard(_LOOKS, "        self._doubtful &= own\n", "", _ASKS),
    Guard(_LOOKS, "self._dues.keys() - own - theirs", "()", _ASKS),
    Guard(_LOOKS, "        self.ended(dues)\n        self._all", "        self._all", _ASKS),
    Guard(_LOOKS, "int(self._owed + 1e-9)", "int(self._owed)", _ASKS),
    Guard(_LOOKS, "if part.brands.isdisjoint(gone):", "if False:", _ASKS),
    Guard(_LOOKS, "part.brands - gone", "part.brands", _ASKS),
    # asking later
    Guard(
        _LATER,
        "        if brand not in self._waiting:\n            self._put(Asked",
        "        if True:\n            self._put(Asked",
        _WAITS,
    ),
    Guard(_LATER, "if asked.brand not in self._waiting:", "if True:", _WAITS),
    Guard(_LATER, "        self.lent.discard(brand)\n", "", _WAITS),
    Guard(_SHARING, "brand not in self._elsewhere and ", "", _SHARES),
    Guard(_SHARING, "brand in self._later.lent or not", "not", _SHARES),
    Guard(_SHARING, "        self._later.lent.discard(brand)\n", "", _SHARES),
    Guard(_SHARING, "            self._deferred.set()\n", "            pass\n", _SHARES),
    Guard(_SHARING, "if brand in self._roster:", "if True:", _SHARES),
    Guard(_SHARING, "if self._roster.idle(one.brand)]", "]", _SHARES),
    Guard(_SHARING, "if not (spare or self._urgent(one, now_s)):", "if False:", _SHARES),
    Guard(_SHARING, "if self._lanes.spare() > 0 or self._urgent(one, now_s):", "if True:", _SHARES),
    Guard(_SHARING, "asked.brand in self.looks.own or now_s", "now_s", _SHARES),
    Guard(_SHARING, " or now_s - asked.since_s >= self._urgent_s", "", _SHARES),
    Guard(_SHARING, "max(LATEST_S, 2 * self.backlog.oldest_s(now_s, self._roster.ails))", "LATEST_S", _SHARES),
    Guard(_SHARING, "oldest_s(now_s, self._roster.ails)", "oldest_s(now_s)", _SHARES),
    Guard(
        _SHARING,
        "                self._later.again(one, trio.current_time() + WATCH_S)\n            return",
        "                pass\n            return",
        _SHARES,
    ),
    Guard(
        _SHARING,
        "                self._later.again(Asked(one.brand, now_s), now_s + WATCH_S)\n",
        "                pass\n",
        _SHARES,
    ),
    Guard(_SHARING, "                self._wait(brand, now_s, WATCH_S)\n", "                pass\n", _SHARES),
    Guard(_SHARING, "        if changed:\n            self.divide()\n", "        if changed:\n", _SHARES),
    Guard(_SHARING, ", with_us=told)", ")", _SHARES),
    Guard(
        _SCHEDULER, "if own is None or self._stopping or self._quiet or not self._serves():", "if own is None:", _SHARES
    ),
    Guard(_SCHEDULER, "        if self._quiet or self._stopping:\n            return 0\n", "", _SHARES),
    Guard(_STRAIN, "now_s - self._crowded_s >= CROWDED_S", "True", _STRAINS),
    Guard(_STRAIN, "        if not waiting:\n            self._crowded_s = None\n        elif", "        if", _STRAINS),
    Guard(_STRAIN, "self._until_s = now_s + LASTING_S", "self._until_s = now_s", _STRAINS),
    # the figures: of one view, and of those that live
    Guard(
        _BACKLOG,
        "if heard and {self._own.view, *(share.view for share in self._others)} == {self._view}:",
        "if heard:",
        _COUNTS,
    ),
    Guard(_BACKLOG, "heard and {self._own.view", "{self._own.view", _COUNTS),
    Guard(_BACKLOG, "self._last is None or now_s - self._last[0] > STALE_S", "self._last is None", _COUNTS),
    Guard(_BACKLOG, "or since_s >= began_s or kept(brand)", "or since_s >= began_s", _COUNTS),
    Guard(_HEARTBEAT, "member.share.registry == self._identity.registry and not late", "not late", _BEATS),
    Guard(
        _HEARTBEAT,
        "member.share.registry == self._identity.registry and not late",
        "member.share.registry == self._identity.registry",
        _BEATS,
    ),
    Guard(_HEARTBEAT, "                self._heard(())\n", "", _BEATS),
    Guard(_MEMBERS, "    if not _plausible(*counts, *times):\n        return None\n", "", _LIVES),
    # a glance finds what a claim would
    Guard(_GLANCE, "if reply != 0]", "if isinstance(reply, int) and reply]", _GLANCES),
    Guard(_GLANCE, " and len(reply) <= _MOST_DIGITS else STRANGE", " else STRANGE", _GLANCES),
    Guard(
        _STORE,
        "        checked(probed)\n        now_ms = milliseconds_of",
        "        now_ms = milliseconds_of",
        _GLANCES,
    ),
    Guard(
        _STORE, "        self.clock.compare(asked_ms, now_ms)\n        return Glance", "        return Glance", _GLANCES
    ),
    Guard(
        _DISCOVERY,
        "                await self._follow_pauses(glance)\n            except StoreError:\n"
        "                self._looks.missed(dues)\n                raise\n",
        "            except StoreError:\n                self._looks.missed(dues)\n                raise\n"
        "            await self._follow_pauses(glance)\n",
        _SHARES,
    ),
    Guard(
        _DISCOVERY, "                self._looks.missed(dues)\n                raise", "                raise", _SHARES
    ),
    Guard(
        _DISCOVERY,
        "            self._looks.doubt(brand for brands in slices for brand in brands)\n            raise",
        "            raise",
        _SHARES,
    ),
    Guard(_DISCOVERY, "        self._looks.doubt(queues)\n", "", _SHARES),
    Guard(_DISCOVERY, " or view != self.sharing.ownership.view:", ":", _SHARES),
)
