"""The guards of settings that differ: nothing is lost without a yes, and a yes is for what it was said to.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_RULE = "tests/contract/test_fingerprint.py"
_STORE = "tests/store/test_settings.py"

_LOST = "tests/lane/test_session_settings.py::test_the_state_tells_its_settings_where_meta_lost_them"
_GOES_ON = "test_a_brand_whose_meta_is_lost_goes_on_where_nothing_would_be_thrown_away"

_ADDRESS = "tests/contract/test_address.py"
_ARCHIVE_URL = "tests/contract/test_archive_url.py"
_SAID_ONCE = "tests/settings/test_addresses.py"
_NO_PASSWORD = f"{_ADDRESS}::test_parse_address_says_what_would_be_right_and_never_the_password"

SETTINGS_GUARDS: Final = (
    # contract/address: what is half a host list, or two places, is refused, and no password is shown
    *(
        Guard("orchestrator/contract/address.py", text, instead, _NO_PASSWORD)
        for text, instead in (
            ('if "@" in user and address.kind is not Kind.STANDALONE:', "if False:"),
            ("if kind is Kind.STANDALONE and len(parts) > 1:", "if False:"),
            ("        if node in nodes[:number]:\n", "        if False:\n"),
            ("    if service.isdecimal():\n", "    if False:\n"),
            ("    if kind is Kind.CLUSTER and address.database:\n", "    if False:\n"),
            ("        if name in values and stands:\n", "        if False:\n"),
            ("    if _ESCAPE.search(text):\n", "    if False:\n"),
            ('    if "@" in query and any(', "    if False and any("),
            ("    except UnicodeError:\n        return False\n", "    except UnicodeError:\n        pass\n"),
            ("    if name in TLS_OPTIONS and not tls:\n", "    if False:\n"),
        )
    ),
    # contract/archive_url: no key in an address, no way out of the folder, no other place by a slip
    *(
        Guard("orchestrator/contract/archive_url.py", text, instead, _ARCHIVE_URL)
        for text, instead in (
            ('    if "@" in place:\n', "    if False:\n"),
            ("or len(url) > _MAX_CHARS:", "or False:"),
            ("or _ESCAPE.search(rest) or", "or"),
            (" or not rest.isprintable():", ":"),
            ("and not _BUCKET.fullmatch(bucket):", "and False:"),
            ('    if not path.startswith("/") or not path.strip("/"):\n', "    if False:\n"),
            ('all(part.strip(".") and part.isprintable()', "all(part.isprintable()"),
            ('all(part.strip(".") and part.isprintable()', 'all(part.strip(".")'),
            ("    if len(options) < len(found) or", "    if"),
            ("        if name not in allowed:\n", "        if False:\n"),
            ('    if url and ("@" in url or', "    if False and ("),
        )
    ),
    Guard(
        "orchestrator/settings/addresses.py",
        "    if url and archive_url.parse_archive_url(url).scheme == archive_url.MEMORY:\n",
        "    if url and not archive_url.parse_archive_url(url):\n",
        "tests/settings/test_settings.py::test_the_archive_is_off_until_it_has_a_place",
    ),
    Guard(
        "orchestrator/settings/settings.py",
        "        if self.archive_object_mb > self.archive_outbox_mb:\n",
        "        if False:\n",
        "tests/settings/test_settings.py::test_settings_refuse_what_cannot_work",
    ),
    Guard(
        "orchestrator/contract/address.py",
        "_NAME.fullmatch(name)) and name.isprintable()",
        "_NAME.fullmatch(name))",
        "tests/store/test_sentinels.py::test_ask_takes_an_address_and_nothing_else_for_one",
    ),
    Guard(
        "orchestrator/store/cluster/slot_map.py",
        'node if ":" in node.host or is_host(node.host) else None',
        "node",
        "tests/store/cluster/test_rules.py::test_map_refuses_what_is_none",
    ),
    Guard(
        "orchestrator/contract/address.py",
        "    if address.nodes or address.path:\n",
        "    if False:\n",
        f"{_ADDRESS}::test_ask_sentinels_refuses_an_address_that_leads_elsewhere",
    ),
    *(
        Guard(
            "orchestrator/contract/address.py",
            f"    {name}: {kind} = field(default={default}, repr=False)",
            f"    {name}: {kind} = field(default={default})",
            f"{_ADDRESS}::test_address_url_is_read_back_as_it_was",
        )
        for name, kind, default in (("password", "str", '""'),)
    ),
    # settings/addresses: what would be ignored without a word is refused
    *(
        Guard("orchestrator/settings/addresses.py", text, "if False:", _SAID_ONCE)
        for text in (
            "if password and password_file:",
            "if username and not (password or password_file):",
            "if (password or password_file) and not asked:",
            'if "@" in sentinels or "/" in sentinels:',
        )
    ),
    Guard(
        "orchestrator/settings/settings.py",
        'if field == "redis_sentinels" and',
        "if False and",
        "tests/settings/test_load.py::test_a_password_among_the_sentinels_is_not_shown",
    ),
    # what meta lost, the state tells
    Guard("orchestrator/lane/session.py", "        self._store.settle(lease, state.bounds)\n", "", _LOST),
    Guard("orchestrator/store/store.py", "taken_over, bool(settings), unburied,", "taken_over, True, unburied,", _LOST),
    Guard("orchestrator/store/store.py", "        if comparison.losses:\n", "        if False:\n", _LOST),
    Guard(
        "orchestrator/store/store.py",
        "if lease.settled or not bounds or self.options.adopt:",
        "if lease.settled or not bounds:",
        f"tests/lane/test_session_settings.py::{_GOES_ON}",
    ),
    Guard("orchestrator/brand/state.py", "*told, config.window_ms, config.max_stories)", "*told)", _LOST),
    # contract/fingerprint: what loses, what is read, what a yes is worth
    *(
        Guard("orchestrator/contract/fingerprint.py", f'"{name}": Kind.BOUND,', f'"{name}": Kind.CHOICE,', _RULE)
        for name in ("SUMMARY_WINDOW_SEC", "MAX_STORIES")
    ),
    Guard("orchestrator/contract/fingerprint.py", "self.mine < self.stored", "self.mine > self.stored", _RULE),
    Guard("orchestrator/contract/fingerprint.py", "if len(text) > MAX_BYTES:", "if not text:", _RULE),
    Guard("orchestrator/contract/fingerprint.py", "if isinstance(value, bool) or not", "if not", _RULE),
    Guard("orchestrator/contract/fingerprint.py", "not 0 <= value <= MAX_VALUE:", "not 0 <= value:", _RULE),
    Guard(
        "orchestrator/contract/fingerprint.py",
        "if name in MEANING}",
        "}",
        f"{_RULE}::test_a_fingerprint_leaves_out_what_it_does_not_know",
    ),
    Guard("orchestrator/contract/fingerprint.py", "if comparison.losses and not may_lose:", "if False:", _RULE),
    Guard(
        "orchestrator/contract/fingerprint.py",
        "        if not may_lose:\n",
        "        if False:\n",
        f"{_RULE}::test_reconcile_parks_what_cannot_be_read_until_somebody_adopts",
    ),
    Guard(
        "orchestrator/contract/fingerprint.py",
        "Fingerprint.read(adopted).values == mine.values",
        "compare(Fingerprint.read(adopted), mine).verdict is not Verdict.WOULD_LOSE",
        f"{_RULE}::test_reconcile_takes_a_yes_for_the_settings_that_it_was_said_for_only",
    ),
    # a brand's own settings: bounded, typed, of a known name; they count, stay, and are not a process's
    *(
        Guard("orchestrator/contract/own_settings.py", text, instead, "tests/contract/test_own_settings.py")
        for text, instead in (
            ("isinstance(value, bool) or not isinstance", "not isinstance"),
            ("math.isfinite(value) and bounds.least <= value <= bounds.most", "math.isfinite(value)"),
            ("    if bounds is None:\n", "    if False:\n"),
        )
    ),
    Guard("orchestrator/contract/fingerprint.py", "own_settings.check(own))", "own)", _RULE),
    Guard("orchestrator/contract/fingerprint.py", "here = mine.owning(found.own)", "here = mine", _RULE),
    Guard(
        "orchestrator/contract/fingerprint.py",
        "here = mine if mine.own else mine.owning(stored.own)",
        "here = mine",
        _RULE,
    ),
    Guard(
        "orchestrator/store/store.py",
        "            agreed = mine\n",
        "            pass\n",
        f"{_STORE}::test_own_settings_go_with_the_meta_that_lost_them",
    ),
    Guard(
        "orchestrator/store/commits.py",
        "return self._options.fingerprint.owning(lease.own if commit.own is None else commit.own)",
        "return self._options.fingerprint",
        f"{_STORE}::test_a_brands_own_settings_come_with_its_lease_and_stay",
    ),
    Guard(
        "orchestrator/lane/session.py",
        "self._config = self._given.owning(lease.own)",
        "self._config = self._given",
        "tests/lane/test_session_settings.py::test_a_brand_is_folded_with_its_own_settings",
    ),
    Guard(
        "orchestrator/lane/session.py",
        " and state.config == config.fold:",
        ":",
        "tests/lane/test_session_settings.py::test_state_in_memory_is_not_used_under_other_settings",
    ),
    # store: the second call agrees to what was looked at; what an older version wrote is told
    Guard(
        "orchestrator/store/store.py",
        "            reply, *read = self._acquire(keys, wish, stored)\n",
        "            reply, *read = self._acquire(keys, wish, mine.text())\n",
        f"{_STORE}::test_acquire_takes_over_what_throws_nothing_away",
    ),
    Guard(
        "orchestrator/store/store.py",
        "        if version and not settings:",
        "        if version:",
        f"{_STORE}::test_acquire_with_the_same_settings_takes_nothing_over",
    ),
    Guard(
        "orchestrator/store/store.py",
        "adopt=self.options.adopt)",
        "adopt=True)",
        f"{_STORE}::test_acquire_is_refused_where_history_would_be_lost",
    ),
    # lane: parked, holding nothing, and told in one line
    Guard(
        "orchestrator/lane/telling.py",
        "(SettingsRefusedError, LaneOutcome.PARKED, None),",
        "(SettingsRefusedError, LaneOutcome.FAILED, None),",
        "tests/lane/test_lane.py::test_lane_ends_by_its_error_without_retrying",
    ),
    Guard(
        "orchestrator/lane/session.py",
        "except (BrandBusyError, BrandPausedError, NewerStateError, SettingsRefusedError) as error:",
        "except (BrandBusyError, BrandPausedError, NewerStateError) as error:",
        "tests/lane/test_session_settings.py::test_a_colleagues_stale_setting_destroys_nothing",
    ),
    Guard(
        "orchestrator/lane/telling.py",
        "            self._audience.changes.add(change)\n",
        "",
        "tests/lane/test_telling.py::test_a_new_threshold_is_told_once_for_all_brands",
    ),
    Guard(
        "orchestrator/lane/telling.py",
        "                self._audience.changes.clear()\n",
        "                pass\n",
        "tests/lane/test_telling.py::test_what_was_told_is_remembered_within_a_bound",
    ),
    # service, cli: the settings reach the store, and a yes is repeated only as long as it makes sense
    Guard(
        "orchestrator/service/options.py",
        "        fingerprint=settings.fingerprint,\n",
        "",
        "tests/settings/test_fingerprint.py::test_the_fingerprint_has_every_name",
    ),
    Guard(
        "orchestrator/cli/adoption.py",
        "if comparison.verdict is not Verdict.WOULD_LOSE:",
        "if comparison.verdict is Verdict.SAME:",
        "tests/cli/test_config.py::test_config_adopt_says_yes_for_the_named_brands",
    ),
    # store/members, service/heartbeat: who lives is read with care, and the later one disputes
    *(
        Guard("orchestrator/store/members.py", guard, instead, f"tests/store/test_members.py::{test}")
        for guard, instead, test in (
            ("if len(entry) > MAX_ENTRY_BYTES or", "if", "test_an_entry_that_is_too_large_goes"),
            ("abs(now_ms - seen) > TTL_S * 1000", "now_ms - seen > TTL_S * 1000", "test_who_says_nothing_is_gone"),
            ("if size <= 2 * MAX_MEMBERS else", "if size else", "test_a_key_that_somebody_filled_is_emptied"),
            (
                "(msgspec.MsgspecError, ValueError, RecursionError)",
                "ArithmeticError",
                "test_what_cannot_be_read_is_no_member",
            ),
            ("if char.isascii() and char.isprintable() else", "if char else", "test_names_are_fit_to_be_shown"),
            ("if Code(reply[0].decode()) is Code.TYPE:", "if False:", "test_beat_leaves_a_key_of_a_foreign_type_alone"),
        )
    ),
    *(
        Guard("orchestrator/service/heartbeat.py", guard, instead, f"tests/service/test_heartbeat.py::{test}")
        for guard, instead, test in (
            ("for member in earlier(members, name)\n", "for member in members\n", "test_the_later_one_disputes"),
            (
                "if dispute.comparison.differences or dispute.archive)",
                "if dispute.comparison.differences)",
                "test_another_archive_is_disputed",
            ),
            (
                "    if theirs is None or theirs == mine:\n",
                "    if theirs == mine:\n",
                "test_another_archive_is_disputed",
            ),
            ("if one.name != RULES_NAME)", ")", "test_other_rules_are_no_dispute"),
            (
                "if dispute.member.name not in known:",
                "if True:",
                "test_heartbeat_tells_a_dispute_once_and_before_it_is_started",
            ),
            (
                "        with trio.move_on_after(_FIRST_BEAT_S):\n            await self._beat()\n",
                "",
                "test_heartbeat_tells_a_dispute_once_and_before_it_is_started",
            ),
            ("if str(error) != self._failure:", "if True:", "test_heartbeat_without_redis_goes_on"),
            ("                self._members = ()", "                pass", "test_heartbeat_without_redis_goes_on"),
        )
    ),
)
