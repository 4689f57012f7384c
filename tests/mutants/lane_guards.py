"""The guards of the lane and its line: no batch is lost, folded twice or mixed up with another one."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_BATCH: Final = "orchestrator/lane/batch.py"
_PIPELINE: Final = "orchestrator/lane/pipeline.py"
_WARM: Final = "orchestrator/scheduler/warm_states.py"
_SESSION: Final = "orchestrator/lane/session.py"
_DUPLICATES: Final = "orchestrator/lane/duplicates.py"
_COMMITS: Final = "orchestrator/lane/commits.py"
_SUSPECTS: Final = "orchestrator/lane/suspects.py"
_TRIAL: Final = "orchestrator/lane/trial.py"
_TURN: Final = "orchestrator/lane/turn.py"
_LANE: Final = "orchestrator/lane/lane.py"
_LINE: Final = "orchestrator/store/line.py"
_STORE: Final = "orchestrator/store/store.py"
_PURGED: Final = "the_digests_of_a_state_that_an_older_version_purged"
_ACQUIRE: Final = "orchestrator/store/lua/acquire.lua"
_COMMIT: Final = "orchestrator/store/lua/commit.lua"

_BOUNDS: Final = "tests/lane/test_session_bounds.py"
_LOOKS: Final = "tests/store/test_store.py"
_SESSIONS: Final = "tests/lane"
_LINES: Final = "tests/store/test_line.py"
_LETS_GO: Final = "store/test_visit.py"
_VISITS: Final = "lane/test_session_visit.py"

LANE_GUARDS: Final = (
    # store/line: a reply reaches the one who asked, and nobody else gets its connection meanwhile
    Guard(_LINE, "if self._closed:\n                raise", "if False:\n                raise", _LINES),
    Guard(_LINE, "if not self._busy:\n                self._let_go()", "self._let_go()", _LINES),
    Guard(_LINE, "if wanted not in self._unread:\n            raise", "if False:\n            raise", _LINES),
    Guard(_LINE, "if not done or self._closed or not self._unread:", "if not done or self._closed:", _LINES),
    Guard(_LINE, "if not done or self._closed or not self._unread:", "if not done or not self._unread:", _LINES),
    Guard(_LINE, "if not done or self._closed or not self._unread:", "if self._closed or not self._unread:", _LINES),
    Guard(_LINE, "            if self._unread:\n", "            if False:\n", _LINES),
    Guard(_LINE, "            self._pool.release(connection)\n", "", _LINES),
    Guard(
        _LINE,
        "            pool.release(connection)  # which",
        "            pass  # which",
        "tests/store/test_runner.py",
    ),
    # store/client: a connection of the pool is ready, whatever became of it there
    *(
        Guard("orchestrator/store/client.py", right, wrong, f"tests/store/{test}")
        for right, wrong, test in (
            (" or not _ready(connection):", " or not connection.is_connected:", "test_client.py"),
            (" or not _ready(connection):", ":", "test_client.py"),
            (
                "    except RedisConnectionError:\n        return False",
                "    except ZeroDivisionError:\n        return False",
                "test_client.py",
            ),
            ("            self.release(connection)\n            raise\n", "            raise\n", "test_client.py"),
        )
    ),
    # scheduler/echoes: what our own commits cause costs no visit, and hides no push
    *(
        Guard(f"orchestrator/scheduler/{file}", right, wrong, "tests/scheduler/test_echoes.py")
        for file, right, wrong in (
            (
                "echoes.py",
                'return now_s < self._until_s.pop(brand, float("-inf"))',
                'return now_s < self._until_s.get(brand, float("-inf"))',
            ),
            ("echoes.py", "return now_s < self._until_s.pop(brand", "return 0.0 <= self._until_s.pop(brand"),
            ("echoes.py", "<= now_s:\n            self._until_s.popitem(last=False)", "<= now_s:\n            break"),
            ("echoes.py", "        self._until_s.pop(brand, None)  # the", "        pass  # the"),
            ("echoes.py", "self._next_s = now_s + DOUBT_S", "self._next_s = now_s"),
            ("discovery.py", "if self._echoes.is_echo(brand, trio.current_time()):", "if False:"),
            ("discovery.py", "        self._echoes.doubt(brand)\n", ""),
            ("scheduler.py", "hinted=lane.woken", "hinted=False"),
        )
    ),
    Guard(_LINE, "        self._unread.clear()\n", "", _LINES),
    Guard(_LINE, "if not connection.is_connected:", "if False:", _LINES),
    Guard(
        _LINE,
        "                self._heard(connection, first, replies)\n",
        "                self._heard(connection, first, replies)\n                return replies\n",
        _LINES,
    ),
    # lane/batch: stages
    Guard(_BATCH, "if (self.stage, stage) not in TRANSITIONS:", "if False:", "tests/lane/test_batch.py"),
    Guard(_BATCH, "frozenset({Stage.FOLDING, Stage.BUILDING})", "frozenset({Stage.BUILDING})", _SESSIONS),
    Guard(_BATCH, "frozenset({Stage.FOLDING, Stage.BUILDING})", "frozenset({Stage.FOLDING})", _SESSIONS),
    Guard(_BATCH, "self._chunks, self.remembered = None, new.change", "self._chunks = None", _SESSIONS),
    Guard(
        _BATCH,
        " for place in new.conflicts if conflict_letters",
        " for place in new.conflicts",
        "tests/lane/test_batch.py",
    ),
    Guard(_BATCH, "            self.rejected = [*self.rejected, *letters]\n", "", "tests/lane/test_batch.py"),
    Guard(_BATCH, "chunks.indices[place], CONFLICT", "place, CONFLICT", "tests/lane/test_batch.py"),
    Guard(
        "orchestrator/lane/telling.py",
        "        if now_ms - told.get(self._brand, 0) < CONFLICTS_EVERY_MS:\n            return\n",
        "",
        "tests/lane/test_telling.py",
    ),
    Guard(
        "orchestrator/lane/telling.py",
        "        if len(told) >= _REMEMBERED:\n            told.clear()\n",
        "",
        "tests/lane/test_telling.py",
    ),
    Guard(
        "orchestrator/fleet/view.py",
        " if at_ms > self.as_of_ms - CONFLICTS_TOLD_MS]",
        "]",
        "tests/fleet/test_view.py",
    ),
    Guard(
        "orchestrator/contract/conflict.py",
        "        if not (at.isdigit() and len(at) <= _MOST_DIGITS and name):\n            return None\n",
        "",
        "tests/lane/test_duplicates.py",
    ),
    Guard(_BATCH, '        self.remembered = ledger.change(b"", now_ms)\n', "", "tests/lane/test_batch.py"),
    # lane/pipeline: what ends it, and what it starts from
    Guard(_PIPELINE, "        if self._torn:\n            raise", "        if False:\n            raise", _SESSIONS),
    Guard(
        _PIPELINE,
        "            self.failure = None\n            raise failure",
        "            self.failure = None",
        _SESSIONS,
    ),
    Guard(_PIPELINE, "if self._line.closed:", "if False:", _SESSIONS),
    Guard(
        _PIPELINE, "not (self.committing or self._torn or self.failure is not None)", "not self.committing", _SESSIONS
    ),
    Guard(_PIPELINE, "not (self.committing or self._torn or self.failure is not None)", "not self._torn", _SESSIONS),
    Guard(_PIPELINE, "return self.settled and self._batch is None and", "return self._batch is None and", _SESSIONS),
    Guard(
        _PIPELINE,
        "return self._batch is None and self._next is not None\n",
        "return self._next is not None\n",
        _SESSIONS,
    ),
    Guard(_PIPELINE, "if peek.cid != self.cid:", "if False:", _SESSIONS),
    Guard(_PIPELINE, "if not batch.items or batch.stage is Stage.FOLDED:", "if not batch.items:", _SESSIONS),
    Guard(
        _PIPELINE, "batch is not None and batch.stage is Stage.FOLDED for", "batch is not None and False for", _SESSIONS
    ),
    # lane/pipeline: what was read ahead fits what it is read after
    Guard(
        _PIPELINE,
        "            # What was read ahead was read after the whole batch, and this one is shorter.\n"
        "            self._forget()\n",
        "",
        _SESSIONS,
    ),
    Guard(_PIPELINE, "skip=len(held.items)", "skip=0", _SESSIONS),
    Guard(_PIPELINE, "        self._after = None\n        self._line.drop()", "        self._after = None", _SESSIONS),
    Guard(_PIPELINE, "        self._after = None\n        self._line.drop()", "        self._line.drop()", _SESSIONS),
    Guard(_PIPELINE, "(None if batch.step.poisoned else self._verdict.rest)", "self._verdict.rest", _SESSIONS),
    Guard(_PIPELINE, "(None if batch.step.poisoned else self._verdict.rest)", "None", _SESSIONS),
    Guard(_PIPELINE, "        self.cid = commit.cid\n", "", _SESSIONS),
    Guard(_PIPELINE, "            self._sizer.restart()\n", "            pass\n", _SESSIONS),
    Guard(_PIPELINE, "if not (self._pace.owed or 0 < due_ms <= peek.now_ms):", "if not self._pace.owed:", _SESSIONS),
    Guard(
        _PIPELINE,
        "if not (self._pace.owed or 0 < due_ms <= peek.now_ms):",
        "if not 0 < due_ms <= peek.now_ms:",
        _SESSIONS,
    ),
    # lane/pipeline, sizer: nothing is read that nobody looked at, but for a few items
    Guard(_PIPELINE, "min(wanted, unseen if self._fits is None else max(1, self._fits))", "wanted", _BOUNDS),
    Guard(_PIPELINE, "unseen if self._fits is None else max(1, self._fits)", "unseen", _BOUNDS),
    Guard(
        _PIPELINE,
        "        if len(kept) < len(items):\n            self._fits = len(keep(items[len(kept) :]))\n",
        "",
        _BOUNDS,
    ),
    Guard(_PIPELINE, "        self._fits = None\n        self._after", "        self._after", _BOUNDS),
    Guard(_PIPELINE, "            batch.items = self._kept(batch.items)\n", "", _BOUNDS),
    Guard(_PIPELINE, "items = self._kept(arriving.read())", "items = arriving.read()", _BOUNDS),
    Guard(_PIPELINE, "return Batch(self._kept(peek.items), peek)", "return Batch(peek.items, peek)", _BOUNDS),
    Guard("orchestrator/lane/sizer.py", "items[: max(1, sum(", "items[: (sum(", "tests/lane/test_sizer.py"),
    Guard("orchestrator/store/lua/begin.lua", "  math.randomseed(tonumber(ARGV[7]))\n", "", _LOOKS),
    Guard("orchestrator/store/lua/begin.lua", "bytes + count * #", "bytes + #", _LOOKS),
    Guard("orchestrator/store/lua/begin.lua", "from + math.random(count) - 1", "from", _LOOKS),
    Guard("orchestrator/store/lua/begin.lua", "math.min(first + wanted, queued), 0", "first + wanted, 0", _LOOKS),
    # scheduler/warm_states, brand: what is kept is within its bytes, and the bytes are those that it has
    *(
        Guard(_WARM, right, wrong, "tests/scheduler/test_warm_states.py")
        for right, wrong in (
            ("while self._bytes > self._most_bytes:", "while False:"),
            ("while self._bytes > self._most_bytes:", "while self._bytes >= self._most_bytes:"),
            ("if self._sizes[brand] > self._most_bytes:", "if False:"),
            ("self._bytes -= self._sizes.pop(brand)\n", "self._sizes.pop(brand)\n"),
            ("self._bytes -= self._sizes.pop(brand, 0)\n", "self._sizes.pop(brand, 0)\n"),
            ("            self._bytes += held_bytes\n", ""),
            ("        self._remove(brand)\n        self._kept", "        self._kept"),
            ("self._drop_state(next(iter(self._sizes))", "self._drop_state(next(reversed(self._sizes))"),
            ("        self._kept[brand].cool()\n", ""),
            ("if len(self._kept) > MOST_BRANDS:", "if False:"),
            ("self._remove(next(iter(self._kept)))", "self._remove(next(reversed(self._kept)))"),
        )
    ),
    Guard(
        _WARM,
        "        self._kept[brand].cool()\n",
        "        self._kept.pop(brand)\n",
        "tests/scheduler/test_warm_states.py::test_who_makes_room_loses_the_state_alone",
    ),
    *(
        Guard("orchestrator/brand/stories.py", right, "pass", "tests/brand/test_held_bytes.py")
        for right in (
            "story.release()",
            "self._story_bytes += grown_bytes(self.dirty.values())",
            "self._story_bytes += _GONE_BYTES",
        )
    ),
    # process/memory_file: a trial needs no place to write
    Guard(
        "orchestrator/process/memory_file.py",
        'if hasattr(os, "memfd_create"):',
        "if False:",
        "tests/lane/test_trial.py::test_trial_needs_no_file_system",
    ),
    Guard(_SESSION, "warm.state.rest()", "pass", "tests/lane/test_session.py::test_settle_puts_the_state_to_rest"),
    # lane/session: what is kept warm is level with Redis
    Guard(_SESSION, "if pipeline.settled and not pipeline.engaged:", "if pipeline.settled:", _SESSIONS),
    Guard(_SESSION, "if pipeline.settled and not pipeline.engaged:", "if not pipeline.engaged:", _SESSIONS),
    Guard(_SESSION, "peeked or (bool(lease.cid) and warm.cid == lease.cid)", "True", _SESSIONS),
    Guard(
        _SESSION,
        "(bool(lease.cid) and warm.cid == lease.cid)",
        "warm.cid == lease.cid",
        "tests/lane/test_session_damage.py::test_session_trusts_no_memory_where_no_commit_is_named",
    ),
    Guard(_SESSION, "if lease.attempts + 1 >= SINGLE_ATTEMPTS:", "if False:", _SESSIONS),
    Guard(_SESSION, '            warm.token = ""  # somebody', "            pass  # somebody", _SESSIONS),
    Guard(_SESSION, "            pipeline.failure = error\n", "            pass\n", _SESSIONS),
    # lane/future: nobody folds into a time that is still to come, and no chunk is to blame for it
    Guard(
        _SESSION, "        refuse_the_future(self.brand, memory.state, lease.now_ms)\n", "", "tests/lane/test_future.py"
    ),
    Guard(
        _PIPELINE,
        "            refuse_the_future(self._lease.brand, self.state, peek.now_ms)\n",
        "            pass\n",
        "tests/lane/test_future.py",
    ),
    Guard(
        _PIPELINE,
        "            self._batch, self._next = None, batch  # what",
        "            self._batch = batch  # what",
        "tests/lane/test_future.py",
    ),
    # lane/duplicates, commits, suspects
    *(
        Guard(script, right, wrong, f"tests/lane/test_session_damage.py::test_session_forgets_{_PURGED}")
        for script, right, wrong in (
            (_DUPLICATES, "stored.leftover or ", ""),
            (_STORE, "            leftover=leftover,\n", ""),
            (_STORE, "        if leftover:\n", "        if False:\n"),
        )
    ),
    Guard(
        _STORE,
        "not (lease.cid or fields) and",
        "not lease.cid and",
        "tests/lane/test_session_damage.py::test_session_that_loads_the_digests_of_a_lost_meta_goes_on_from_them",
    ),
    *(
        Guard(_DUPLICATES, right, wrong, "tests/lane/test_duplicates.py")
        for right, wrong in (
            ("if left is not None and found != left:", "if False:"),
            ("if left is not None and found != left:", "if found != left:"),
            ("any(before) or (younger, older) != (stored.younger, stored.older)", "any(before)"),
            ("any(before) or (younger, older)", "(younger, older)"),
            (" if place not in dropped]", "]"),
            ("        self._conflicts += count\n", ""),
            ("        self._conflicts = stored.conflicts\n", "        self._conflicts = 0\n"),
            (
                '            change = DigestChange(Remember.APPEND, b"", self._begun_ms, *self._checks)\n',
                "            return None\n",
            ),
            ("        if not (entries or self._to_replace):\n            return None\n", ""),
            ("if not 0 < self._begun_ms <= now_ms:", "if not self._begun_ms:"),
            ("if not 0 < self._begun_ms <= now_ms:", "if self._begun_ms > now_ms:"),
            ("            self._to_replace = False\n", ""),
            ("            younger_check, older_check = NOTHING_CHECK, younger_check\n", "            pass\n"),
            ("        self._checks = checked_on(younger_check, entries), older_check\n", ""),
            ("if not (full and before and added):", "if not (full and added):"),
            ("self._table.younger > self._limits.most or ", ""),
            (" or now_ms - self._begun_ms > self._limits.age_ms", ""),
            ("        self._table.rotate(added)\n", ""),
            ("        self._table.rotate(added)\n", "        self._table.rotate(0)\n"),
            ("        self._begun_ms = now_ms\n        return True", "        return True"),
        )
    ),
    *(
        Guard("orchestrator/kernels/digests_py.py", right, wrong, "tests/kernels/test_digests.py")
        for right, wrong in (
            (" or self._older.get(key)", ""),
            (" and _UNKNOWN not in (found, stated)", ""),
            ("value / step + _OFFSET", "value / step"),
            ("_UNSCORED if cluster.sentiment_score is None", "_near(0.0) if cluster.sentiment_score is None"),
            ("entries.setdefault(stored", "entries.__setitem__(stored"),
            ("        if first < 0:\n", "        if False:\n"),
        )
    ),
    # lane/session, repair: what is warm belongs to one commit, is counted and dropped as one; damage is told by loading
    Guard(
        _SESSION,
        "self.state = self.ledger = self.owed = None",
        "self.state = None",
        "tests/scheduler/test_warm_states.py",
    ),
    Guard(
        _SESSION,
        "for part in (self.state, self.ledger, self.owed) if",
        "for part in (self.state,) if",
        "tests/lane/test_session.py",
    ),
    Guard(
        "orchestrator/service/repair.py",
        "            Ledger(store.salvage(lease)[0].digests)\n",
        "",
        "tests/cli/test_repair.py::test_repair_accepts_digests_of_another_checksum_only_if_it_is_told_to",
    ),
    Guard(_COMMITS, "changes.due_ms if summary is not None else peek.now_ms", "changes.due_ms", _SESSIONS),
    Guard(_COMMITS, "consumed >= peek.queued or ", "", "tests/lane/test_commits.py"),
    Guard(_SUSPECTS, " and verdict.killer == items[0]", "", "tests/lane/test_suspects.py"),
    Guard(_SUSPECTS, "not verdict.survivors and verdict.killer", "verdict.killer", "tests/lane/test_suspects.py"),
    Guard(_SUSPECTS, "        if spared:\n", "        if False:\n", "tests/lane/test_suspects.py"),
    Guard(_SUSPECTS, "    if suspects > 0:\n", "    if False:\n", "tests/lane/test_suspects.py"),
    Guard(_SESSION, "0 if self._pipeline is None else self._pipeline.in_hand", "0", _SESSIONS),
    # lane/trial: a slow machine condemns nobody, and each item has its own time
    Guard(_TRIAL, " or now_s - used_s < LOOK_SHARE * wall_s)", " or True)", "tests/lane/test_trial.py"),
    Guard(
        _TRIAL, "        if looks > MOST_LOOKS:\n", "        if looks > 3 * MOST_LOOKS:\n", "tests/lane/test_trial.py"
    ),
    # lane/turn and lane: a turn ends, and only when nothing is left half done
    Guard(_TURN, "self.stopping or self.given_up or (", "self.stopping or (", "tests/lane/test_turn.py"),
    Guard(_TURN, "self.stopping or self.given_up or (", "self.given_up or (", "tests/lane/test_turn.py"),
    Guard(_TURN, "(self._yield_asked and past_quantum)", "self._yield_asked", "tests/lane/test_turn.py"),
    Guard(
        _TURN,
        "return not self.turn.past(self.until_s) and not self.turn.over",
        "return not self.turn.past(self.until_s)",
        "tests/lane/test_turn.py",
    ),
    Guard(_TURN, "return self.turn.contested and", "return", "tests/lane/test_turn.py"),
    Guard(_TURN, "self.turn.contested and not self.turn.given_up", "self.turn.contested", "tests/lane/test_turn.py"),
    Guard(_SESSION, "        if self._abandoned:\n", "        if False:\n", "tests/lane/test_session_burst.py"),
    Guard(_SESSION, "elif steps[-1].idle and may.end():", "elif may.end():", "tests/lane/test_session_burst.py"),
    Guard(_SESSION, "elif steps[-1].idle and may.end():", "elif steps[-1].idle:", "tests/lane/test_session_burst.py"),
    Guard(
        _SESSION,
        "        if self._pipeline is None:\n            self.open(begin=True)",
        "        self.open(begin=True)",
        "tests/lane/test_session_burst.py",
    ),
    Guard(_LANE, "if self._session.lease is None or not", "if not", "tests/lane/test_lane.py"),
    Guard(_LANE, "if self._session.lease is None or", "if self._session.released or", "tests/lane/test_lane.py"),
    # a visit of two scripts: no attempt before a load, no lease that is taken for lost, and nothing read in vain
    *(
        Guard(file, right, wrong, f"tests/{tests}")
        for file, right, wrong, tests in (
            (
                _ACQUIRE,
                "(cid or redis.call('EXISTS', state, KEYS[4], KEYS[5], KEYS[16], KEYS[17]) == 0)",
                "true",
                _LETS_GO,
            ),
            *((_ACQUIRE, f", KEYS[{key}]", "", _LETS_GO) for key in (4, 5, 16, 17)),
            (_ACQUIRE, "having == (cid or '') and", "having ~= '*' and", _LETS_GO),
            (_ACQUIRE, "if begun and queued > 0 then", "if begun then", _LETS_GO),
            (_ACQUIRE, "if begun and queued > 0 then", "if queued > 0 then", _LETS_GO),
            (_COMMIT, "if let_go ~= '1' or redis.call('LLEN', queue) > 0 then", "if let_go ~= '1' then", _LETS_GO),
            (_COMMIT, "if let_go ~= '1' or redis.call", "if redis.call", _LETS_GO),
            (_COMMIT, "if redis.call('GET', lock) == token then redis.call('PEXPIRE', lock, 0) end", "", _LETS_GO),
            (
                _COMMIT,
                "if redis.call('GET', lock) == token then redis.call('PEX",
                "if token then redis.call('PEX",
                _LETS_GO,
            ),
            (_COMMIT, "queue), 0, 0, 0, leave(), 0, 0 }", "queue), 0, 0, 0, 0, 0, 0 }", _LETS_GO),
            (_SESSION, "begin and warm.footing is not Footing.TAKEN,", "begin,", _VISITS),
            (_SESSION, "if footing is Footing.SOUND else 1", "", _VISITS),
            (_SESSION, "min(warm.sizer.items, unseen) if", "2 * unseen if", _VISITS),
            (_SESSION, "warm.footing, Footing.STRANGE\n", "warm.footing, warm.footing\n", _VISITS),
            (_SESSION, "pipeline.cid, Footing.SOUND", "pipeline.cid, Footing.STRANGE", _VISITS),
            (_SESSION, "peek is not None and peek.queued > 0", "peek is not None", _VISITS),
            (_SESSION, "self._begun = begin  # until", "self._begun = False  # until", _VISITS),
            (
                _SESSION,
                "untouched = self._begun if self._pipeline is None else",
                "untouched = False if self._pipeline is None else",
                _VISITS,
            ),
            (
                _SESSION,
                "None if self._pipeline is not None and self._pipeline.leaving else self._lease",
                "self._lease",
                _VISITS,
            ),
            (_SESSION, "            self._gone(released=True)\n", "", _VISITS),
            (
                _PIPELINE,
                "stays = self._stayed or",
                "stays =",
                _VISITS,
            ),
            (_PIPELINE, " and len(batch.items) >= peek.queued\n", "\n", _VISITS),
            (_PIPELINE, "batch.commit is not None and batch.commit.let_go)", "False)", _VISITS),
            (_STORE, "counted = attempts + (queued > 0)", "counted = attempts + 1", _LETS_GO),
            (
                "orchestrator/scheduler/scheduler.py",
                "if lane is None or held is None or held.token != lease.token:",
                "if lane is None or held is None:",
                "scheduler",
            ),
        )
    ),
    # store/commits: a lone item is sent once
    Guard(
        "orchestrator/store/commits.py",
        'commit.tail if commit.consumed > 1 else b""',
        "commit.tail",
        "tests/faults/test_schedules.py",
    ),
    # lane/turn and lane: short work waits for no long work, and what is long is known
    *(
        Guard("orchestrator/lane/hands.py", right, wrong, "tests/lane/test_hands.py")
        for right, wrong in (
            ("self._places[long], _Call", "self._places[False], _Call"),
            (
                "                if place.worker is None:\n                    self._begin(place)\n",
                "                self._begin(place)\n",
            ),
            ("                self._withdraw(waits, place)\n", "                pass\n"),
            ("                raise error\n", "                pass\n"),
            ("        error, waits.error = waits.error, None\n", "        error = waits.error\n"),
            ("            del error\n", "            pass\n"),
            ("                        place.waiting.remove(waits)\n", ""),
            ("        if call.ended:  #", "        if False:  #"),
            ("if place.worker is None or place.worker.at_work:", "if True:"),
            (
                "if place.worker is None or place.worker.at_work:",
                "if place.worker is not None and place.worker.at_work:",
            ),
            ("if place.worker is None or place.worker.at_work:", "if place.worker is None:"),
            ("with suppress(RuntimeError):", "with suppress():"),
            ("place.until_s if begun_s is None else begun_s + timeout_s", "begun_s or 0.0 + timeout_s"),
            ("                if now_s >= place.until_s:", "                if False:"),
            ("                if now_s >= place.until_s:", "                if True:"),
            ("elif now_s >= call.begun_s + timeout_s and not call.ended:", "elif False:"),
            ("                place.waiting.remove(call)\n", "                pass\n"),
            ("        self._leave(call.worker)\n        if", "        if"),
            ("        if place.worker is call.worker:\n            place.worker = None\n", "        if False:\n"),
            ("            if place.waiting:\n                self._go_on_beside(place)\n", ""),
            ("self.context.run(self.function)", "self.function()"),
            ("if place.worker is worker and place.waiting:", "if place.waiting:"),
            ("                place.until_s = now_s + place.longest_s\n", ""),
            ("            if place.worker is worker:\n                place.worker = None\n", ""),
            ("            self._leave(worker)\n            return None", "            return None"),
            ("len(self._computing) > 1 or any(", "any("),
            (
                "len(self._computing) > 1 or any(worker.place.long for worker in self._computing)",
                "len(self._computing) > 1",
            ),
        )
    ),
    Guard(_TURN, "> steps * LONG_STEP_S", "> LONG_STEP_S", "tests/lane/test_turn.py"),
    Guard(_LANE, ", long=self._work.long)", ")", "tests/lane/test_lane.py"),
    Guard(
        _LANE,
        "if self._call is None or self._tools.hands.withdraw(self._call):",
        "if not self._in_call:",
        "tests/lane/test_lane_redis.py",
    ),
    Guard(_LANE, "self._work.measured(call)", "call", "tests/lane/test_lane.py"),
    Guard(_LANE, "        self.warm.long = self._work.long\n", "", "tests/lane/test_lane.py"),
    Guard(_LANE, "long=warm is not None and warm.long", "long=False", "tests/lane/test_lane.py"),
    Guard(
        _LANE,
        "if self._turn.over and not (self._session.failing or self._session.engaged or self._judging):",
        "if self._turn.over:",
        "tests/lane/test_lane.py",
    ),
    Guard(
        _LANE, " or self._session.engaged or self._judging)", " or self._session.engaged)", "tests/lane/test_lane.py"
    ),
    Guard(_LANE, "            self._session.hung()\n", "            self._session.lost()\n", "tests/lane/test_lane.py"),
    Guard(_LANE, "            self._turn.give_up()\n", "            pass\n", "tests/lane/test_lane.py"),
    Guard(
        _LANE,
        "        if not self._session.prefetched:\n            self.woken = False",
        "        self.woken = False",
        "tests/lane/test_lane.py",
    ),
    Guard(
        _LANE,
        "if self._turn.stopping else None\n        if step.idle:",
        "if self._turn.over else None\n        if step.idle:",
        "tests/lane/test_lane.py",
    ),
    Guard(_PIPELINE, "if self._next is not None and self._next.in_state:", "if False:", "tests/lane/test_pipeline.py"),
    Guard(_BATCH, "return self.torn or self.stage in", "return self.stage in", "tests/lane/test_pipeline.py"),
    Guard(
        _PIPELINE,
        "            self._line.drop()\n            failpoints",
        "            failpoints",
        "tests/lane/test_pipeline.py",
    ),
)
