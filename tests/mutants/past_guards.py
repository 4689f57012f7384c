"""The guards of what readers are told of the past, of brands side by side, and of alerts that wait.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_PAST: Final = "orchestrator/http/past.py"
_PAGES: Final = "orchestrator/http/past_pages.py"
_COMPARE: Final = "orchestrator/http/compare.py"
_VIEW: Final = "orchestrator/http/compare_view.py"
_SURVEY: Final = "orchestrator/alerts/survey.py"

PAST_GUARDS: Final = (
    # http/past: errors in words, parameters within bounds, and the place of an archive in the log alone
    *(
        Guard(_PAST, right, wrong, f"tests/http/test_past.py::{test}")
        for right, wrong, test in (
            ("    if view is None:\n", "    if False:\n", "test_without_an_archive_nothing_is_kept"),
            (
                "    except PastBusyError:\n        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE",
                "    except PastBusyError:\n        raise ProblemError(HTTPStatus.BAD_GATEWAY",
                "test_errors_are_words_that_name_no_place",
            ),
            (
                "HTTPStatus.GATEWAY_TIMEOUT, detail",
                "HTTPStatus.BAD_GATEWAY, detail",
                "test_errors_are_words_that_name_no_place",
            ),
            (
                '        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "The archive',
                '        raise ProblemError(HTTPStatus.BAD_GATEWAY, "The archive',
                "test_errors_are_words_that_name_no_place",
            ),
            ("if request.args.get(name)]", "if name in request.args]", "test_number_is_one_of_four"),
            (
                'one_of("order", "newest", get_args(ExplainedOrder))',
                "request.args.get('order', 'newest')",
                "test_number_is_one_of_four",
            ),
            ("DEFAULT_CHUNKS, 1, MAX_SHOWN)", "DEFAULT_CHUNKS, 0, MAX_SHOWN)", "test_what_cannot_be_meant_is_refused"),
            (
                "DEFAULT_CHUNKS, 1, MAX_SHOWN)",
                "DEFAULT_CHUNKS, 1, 10 * MAX_SHOWN)",
                "test_what_cannot_be_meant_is_refused",
            ),
            (
                "past(), exact_brand(name)\n    return await _answer(await told(view.summary",
                "past(), name\n    return await _answer(await told(view.summary",
                "test_name_that_no_brand_can_have_is_not_asked_for",
            ),
            (
                "past(), exact_brand(name)\n    return await _answer(await told(view.explain",
                "past(), name\n    return await _answer(await told(view.explain",
                "test_name_that_no_brand_can_have_is_not_asked_for",
            ),
            ("private, max-age", "public, max-age", "test_summary_of_then_is_passed_on"),
            (
                "await conditional(response, blake2b(document.body, digest_size=12).hexdigest())",
                "response",
                "test_summary_of_then_is_passed_on",
            ),
            ('@takes("story", "topic", "hour", "at", "order", "limit")\n', "", "test_number_is_one_of_four"),
            (
                '        _log.warning("archive does not answer", error=str(error))\n',
                "",
                "test_place_that_a_reader_is_not_told_stands_in_the_log",
            ),
            (
                '        _log.warning("archive cannot be read", error=str(error))\n',
                "",
                "test_place_that_a_reader_is_not_told_stands_in_the_log",
            ),
            ("if len(text) <= MAX_TIME_CHARS else None", "", "test_what_cannot_be_meant_is_refused"),
            ("not {text[:MAX_TIME_CHARS]!r}", "not {text!r}", "test_what_cannot_be_meant_is_refused"),
            ('of in {"story", "topic"} and ', "", "test_what_cannot_be_meant_is_refused"),
            ("len(text) > MAX_NAME_CHARS", "len(text) >= MAX_NAME_CHARS", "test_number_is_one_of_four"),
            ("if at else None\n    rest", "if at is not None else None\n    rest", "test_number_is_one_of_four"),
        )
    ),
    # http/past_pages: nothing of what is to come, what is there told as it is, and the time kept in every link
    *(
        Guard(_PAGES, right, wrong, f"tests/http/test_past_pages.py::{test}")
        for right, wrong, test in (
            (
                "    if not text:\n        return redirect",
                "    if False:\n        return redirect",
                "test_page_shows_the_brand_as_it_was",
            ),
            ("    if not 0 < len(story) <=", "    if not len(story) <=", "test_errors_are_pages"),
            (
                'one_of("order", "newest", get_args(ExplainedOrder))',
                "request.args.get('order', 'newest')",
                "test_errors_are_pages",
            ),
            ('time_ms("at", at) if at else None', 'time_ms("at", at)', "test_chunks_of_a_story_are_listed"),
            ("    if name is None:\n", "    if False:\n", "test_errors_are_pages"),
            ("if found.older > 0 else", "if True else", "test_chunks_of_a_story_are_listed"),
            ("private, max-age", "public, max-age", "test_settled_pages_may_be_kept"),
            ('@takes("name", "at")\n', "", "test_page_shows_the_brand_as_it_was"),
            ('@takes("name", "story", "at", "order")\n', "", "test_chunks_of_a_story_are_listed"),
            (
                "root=request.root_path))\n    at_ms",
                "root=''))\n    at_ms",
                "test_brand_without_a_time_is_that_of_now_also_under_a_root",
            ),
            ("    return check_brand(name)", "    return name", "test_page_shows_the_brand_as_it_was"),
            (" if moment + by <= now]", "]", "test_no_step_leads_to_a_time_to_come"),
            ("if hidden > 0 else", "if True else", "test_story_is_shown_as_far_as_it_is_known"),
            (
                "one.object.rpartition('/')[2] or 'not archived yet'",
                "one.object.rpartition('/')[2]",
                "test_story_is_shown_as_far_as_it_is_known",
            ),
            (
                'digest_size=12).hexdigest()}-{edition}"',
                'digest_size=12).hexdigest()}"',
                "test_page_of_another_edition_is_sent_again",
            ),
            ('**({"at": at} if at else {})', "", "test_chunks_of_a_story_are_listed"),
            ('found.label or found.id or ""', 'found.id or ""', "test_story_is_shown_as_far_as_it_is_known"),
            ('found.label or found.id or ""', 'found.label or ""', "test_story_is_shown_as_far_as_it_is_known"),
        )
    ),
    # http/compare: each brand once, who is absent looked for, and a tag that is never newer than its numbers
    *(
        Guard(_COMPARE, right, wrong, f"tests/http/test_compare.py::{test}")
        for right, wrong, test in (
            (
                "list(dict.fromkeys(name for name in listed if name.strip()))",
                "[name for name in listed if name.strip()]",
                "test_names_come_in_two_forms",
            ),
            (" if name.strip()))", "))", "test_names_come_in_two_forms"),
            ("exact_brand(name.strip())", "exact_brand(name)", "test_page_says_how_to_choose"),
            ("[exact_brand(name) for name in names], _hours", "names, _hours", "test_compare_says_what_is_wrong"),
            ("DEFAULT_HOURS, 1, MAX_HOURS", "DEFAULT_HOURS, 0, MAX_HOURS", "test_compare_says_what_is_wrong"),
            ("DEFAULT_HOURS, 1, MAX_HOURS", "DEFAULT_HOURS, 1, 99999", "test_compare_says_what_is_wrong"),
            (
                "list(dict.fromkeys(exact_brand(name.strip()) for name in _asked()))",
                "[exact_brand(name.strip()) for name in _asked()]",
                "test_names_come_in_two_forms",
            ),
            (
                "response if found.tag is None else await conditional(response, found.tag)",
                "await conditional(response, str(found.tag))",
                "test_comparison_with_what_cannot_be_read_has_no_tag",
            ),
            (
                "    if found.tag is None:\n        return Response(page)\n",
                "",
                "test_comparison_with_what_cannot_be_read_has_no_tag",
            ),
            (
                "await service().brands() if absent else ()",
                "await service().brands()",
                "test_brand_that_has_a_summary_is_looked_up_nowhere",
            ),
            ('if side.state == "waiting"]', "]", "test_brand_that_has_a_summary_is_looked_up_nowhere"),
            ("{name[:MAX_QUOTED]!r}", "{name!r}", "test_compare_says_what_is_wrong"),
            ("repr(each[:MAX_QUOTED])", "repr(each)", "test_compare_says_what_is_wrong"),
            ("alike[:SUGGESTED]", "alike", "test_compare_says_what_is_wrong"),
            (
                "[each for each in same if folded(each) == folded(name)] or same",
                "same",
                "test_compare_says_what_is_wrong",
            ),
            ("    if not alike:\n", "    if False:\n", "test_compare_says_what_is_wrong"),
            (
                (
                    "    sides = await service().summaries(names, side_of)\n"
                    "    await _refuse_unknown(names, sides)\n"
                    "    trends = await service().trend_points(names, span.fields, span.points)\n"
                ),
                (
                    "    trends = await service().trend_points(names, span.fields, span.points)\n"
                    "    sides = await service().summaries(names, side_of)\n"
                    "    await _refuse_unknown(names, sides)\n"
                ),
                "test_commit_during_a_comparison_leaves_it_the_older_tag",
            ),
            (
                "{found.tag}-{current_app.extensions['edition']}",
                "{found.tag}",
                "test_page_of_another_edition_is_sent_again",
            ),
        )
    ),
    # http/compare_view: one scale, no hour left out, and nothing unknown told as a number
    *(
        Guard(_VIEW, right, wrong, f"tests/http/test_compare.py::{test}")
        for right, wrong, test in (
            ("-(-hours // MAX_ROWS)", "max(1, hours // MAX_ROWS)", "test_values_of_many_hours_are_added_up"),
            (
                'number(highest) if highest else ""',
                "number(highest)",
                "test_drawings_have_one_scale_and_the_hours_of_the_document",
            ),
            ('"hour" if per_row == 1 else f"{per_row} hours"', '"hour"', "test_values_of_many_hours_are_added_up"),
            (
                "NONE if each is None else number(each)",
                "number(each or 0)",
                "test_page_shows_nothing_unknown_as_a_number",
            ),
            (
                'NONE if brand.share_of_voice is None else f"{percent:.1f} %"',
                'f"{percent:.1f} %"',
                "test_page_shows_nothing_unknown_as_a_number",
            ),
            (
                "NONE if brand.mentions is None else number(brand.mentions)",
                "number(brand.mentions or 0)",
                "test_page_shows_nothing_unknown_as_a_number",
            ),
            (
                '("new", "up") if topic.new else growth(topic.change)',
                "growth(topic.change)",
                "test_page_shows_nothing_unknown_as_a_number",
            ),
            (
                "outline(amounts, highest)",
                "outline(amounts, most)",
                "test_drawings_have_one_scale_and_the_hours_of_the_document",
            ),
            (
                "number(sum(brand.trend.mentions[start : start + per_row]))",
                "number(brand.trend.mentions[start])",
                "test_values_of_many_hours_are_added_up",
            ),
            ("period.hours == hours", "False", "test_drawings_have_one_scale_and_the_hours_of_the_document"),
            (
                "time_of(document.hours[-1])",
                "time_of(document.hours[0])",
                "test_drawings_have_one_scale_and_the_hours_of_the_document",
            ),
        )
    ),
    # alerts/survey: the alerts of all brands, each once, and the first time of any
    *(
        Guard(_SURVEY, right, wrong, f"tests/alerts/test_survey.py::{test}")
        for right, wrong, test in (
            (
                "self.waiting += len(found.due)",
                "self.waiting = len(found.due)",
                "test_alerts_of_all_brands_are_counted_once_each",
            ),
            ("self.kept += found.kept", "self.kept = found.kept", "test_first_of_what_is_kept_says_when_to_look_again"),
            (
                "self.oldest_ms = _earlier(self.oldest_ms, found.oldest_ms)",
                "self.oldest_ms = found.oldest_ms",
                "test_alerts_of_all_brands_are_counted_once_each",
            ),
            (
                "self.next_ms = _earlier(self.next_ms, found.next_ms)",
                "self.next_ms = found.next_ms",
                "test_first_of_what_is_kept_says_when_to_look_again",
            ),
            (
                "            due.update(found.due)\n        self.due += len(due)",
                "            self.due += len(found.due)",
                "test_alerts_of_all_brands_are_counted_once_each",
            ),
            (
                "        if found.alone:\n            self",
                "        if True:\n            self",
                "test_alerts_of_all_brands_are_counted_once_each",
            ),
            (
                "        if found.together:\n            self",
                "        if True:\n            self",
                "test_alerts_of_all_brands_are_counted_once_each",
            ),
            (
                "return other if one is None else one if other is None else min(one, other)",
                "return other if one is None else one if other is None else max(one, other)",
                "test_alerts_of_all_brands_are_counted_once_each",
            ),
            (
                " if tally.next_ms is not None), default=None)",
                "), default=None)",
                "test_first_of_what_is_kept_says_when_to_look_again",
            ),
            ("return min((tally", "return max((tally", "test_first_of_what_is_kept_says_when_to_look_again"),
            (
                "self._tallies.get(route, Tally())",
                "self._tallies[route]",
                "test_first_of_what_is_kept_says_when_to_look_again",
            ),
        )
    ),
)
