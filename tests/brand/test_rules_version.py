"""The number of the rules rises when they say something else of the same chunks."""

from __future__ import annotations

import json

from orchestrator.contract.fingerprint import RULES_VERSION
from tests.brand.support import as_far_as
from tests.write_rules import rules_file, told


def test_other_rules_have_another_number() -> None:
    """If this fails and is meant to: raise ``RULES_VERSION``, then run ``python -m tests.write_rules``.

    Without that, a process of the old rules and one of the new ones would work on one brand in turns, and no log
    would say why its stories change. Fields that are told in addition make no other rules.
    """
    written = json.loads(rules_file(RULES_VERSION).read_text(encoding="utf-8"))
    found = told()
    assert found.keys() == written.keys()
    for name, summary in found.items():
        assert as_far_as(summary, written[name]) == written[name], name


def test_every_number_has_its_file() -> None:
    """None is left out, and none is written ahead."""
    folder = rules_file(RULES_VERSION).parent
    assert sorted(int(path.stem) for path in folder.iterdir()) == list(range(1, RULES_VERSION + 1))
