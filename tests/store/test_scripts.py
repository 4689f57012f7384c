"""The Lua files keep to the house rules, and the digests are those that Redis computes."""

from __future__ import annotations

import re

import pytest

from orchestrator.contract.keys import BrandKeys
from orchestrator.store import scripts
from orchestrator.store.codes import Code
from orchestrator.store.scripts import Script


@pytest.mark.parametrize("script", scripts.ALL, ids=lambda script: script.name)
def test_script_states_its_guarantee_keys_and_returns(script: Script) -> None:
    """Every file begins with what it guarantees, takes, returns and writes; then come 120 lines at most.

    But for commit, which does in one step what must not come apart.
    """
    for word in ("Guarantee:", "KEYS", "ARGV", "Returns", "Writes"):
        assert f"-- {word}" in script.text, word
    lines = script.text.splitlines()
    assert sum(not line.startswith("--") for line in lines) <= (135 if script is scripts.COMMIT else 120)
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("script", scripts.ALL, ids=lambda script: script.name)
def test_script_builds_no_key_and_needs_no_new_server(script: Script) -> None:
    """No shebang, no concatenation of strings, nothing that fakeredis or Redis 6.2 lacks."""
    code = re.sub(r"--.*", "", script.text)
    assert not script.text.startswith("#!")
    assert ".." not in code
    assert "sha1hex" not in code


def test_every_code_is_returned_by_some_script() -> None:
    """The enum names what the scripts say, no more and no less."""
    texts = "".join(re.sub(r"--.*", "", script.text) for script in scripts.ALL)
    codes = set(re.findall(r"(?:\{\s*|or )'([A-Z]+)'", texts))
    assert codes == set(Code)


def test_keys_follow_the_parts() -> None:
    """KEYS stand in the order of the script's header."""
    keys = BrandKeys.of("nike")
    assert scripts.BEGIN.keys(keys) == [keys.lock, keys.meta, keys.queue]
