"""Two settings on one brand: the history of the wider one stays until somebody adopts the narrower one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.contract.fingerprint import Verdict
from orchestrator.errors import SettingsRefusedError
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.service.options import session_config, store_options
from orchestrator.settings import Settings
from orchestrator.store import Commit, Store
from orchestrator.store.stored_settings import adopt, stored_settings
from tests.lane.support import Brand, drain
from tests.states import stored_states

STORED = stored_states()
WIDE, NARROW = Settings(), Settings(summary_window_sec=900, max_stories=1)
HOURS = 6


def session_of(queue: Brand, settings: Settings) -> BrandSession:
    """A session of a process with those settings."""
    return BrandSession(Store(queue.client, store_options(settings)), session_config(settings), queue.name)


def visit(queue: Brand, settings: Settings) -> Verdict:
    """Drain the queue with those settings; what the lease said of them."""
    session = session_of(queue, settings)
    lease = session.open()
    drain(session)
    session.settle()
    assert session.release()
    return lease.taken_over.verdict


def push_hours(queue: Brand) -> None:
    """One chunk for each of the last hours, each with a story of its own."""
    now = datetime.now(UTC)
    for hour in range(HOURS):
        at = (now - timedelta(hours=hour)).isoformat()
        cluster = {"id": f"story-{hour}", "label": f"word{hour}a word{hour}b", "mentions": [f"m{hour}"]}
        queue.push(queue.item(f"hour-{hour}", processedAt=at, clusters=[cluster]))


def totals(queue: Brand) -> tuple[Any, Any]:
    """Chunks and stories of the published summary."""
    summary = queue.summary()
    return summary["totalChunks"], summary["clusterCount"]


def test_a_colleagues_stale_setting_destroys_nothing(queue: Brand) -> None:
    """The process with the smaller window is refused without a trace, and the other one goes on with all it had."""
    push_hours(queue)
    assert visit(queue, WIDE) is Verdict.SAME
    assert totals(queue) == (HOURS, HOURS)
    before = queue.client.hgetall(queue.keys.meta), queue.client.hgetall(queue.keys.state)
    queue.push_ids("later")
    session = session_of(queue, NARROW)
    with pytest.raises(SettingsRefusedError, match="SUMMARY_WINDOW_SEC is 900 here and 86400 there, MAX_STORIES is 1"):
        session.open()
    assert not session.settle().token  # nothing is held, so not even a release is sent
    assert not session.release()
    assert (queue.client.hgetall(queue.keys.meta), queue.client.hgetall(queue.keys.state)) == before
    assert not queue.locked()
    assert visit(queue, WIDE) is Verdict.SAME
    assert totals(queue)[0] == HOURS + 1


@pytest.mark.parametrize("lost", ["all of meta", "its settings"])
def test_the_state_tells_its_settings_where_meta_lost_them(queue: Brand, lost: str) -> None:
    """A colleague with a smaller window is refused all the same, and a yes to what was noted anew is a yes."""
    push_hours(queue)
    visit(queue, WIDE)
    if lost == "all of meta":
        queue.client.delete(queue.keys.meta)
    else:
        queue.client.hdel(queue.keys.meta, "settings")
    before = queue.client.hgetall(queue.keys.state)
    queue.push_ids("later")
    for _ in range(2):
        session = session_of(queue, NARROW)
        with pytest.raises(
            SettingsRefusedError, match="SUMMARY_WINDOW_SEC is 900 here and 86400 there, MAX_STORIES is"
        ):
            session.open()
        session.settle()
        session.release()
        assert queue.client.hgetall(queue.keys.state) == before
        assert not queue.locked()
    seen = stored_settings(queue.client, [queue.name])[queue.name].settings
    assert adopt(queue.client, queue.name, seen, NARROW.fingerprint)
    visit(queue, NARROW)
    assert totals(queue)[1] == 1


def test_a_brand_whose_meta_is_lost_goes_on_where_nothing_would_be_thrown_away(queue: Brand) -> None:
    """As before: with the settings of the state, with wider ones, and by a process with a yes for every brand."""
    push_hours(queue)
    visit(queue, WIDE)
    yes = Settings(summary_window_sec=900, max_stories=1, settings_adopt=True)
    for number, settings in enumerate((WIDE, Settings(max_stories=6_000), yes)):
        queue.client.delete(queue.keys.meta)
        queue.push_ids(f"later {number}")
        visit(queue, settings)
    assert totals(queue)[1] == 1


def test_adopted_settings_trim_and_are_told(queue: Brand) -> None:
    """After a yes the window of the narrower process is what counts, from its next commit on."""
    push_hours(queue)
    visit(queue, WIDE)
    seen = stored_settings(queue.client, [queue.name])[queue.name].settings
    assert adopt(queue.client, queue.name, seen, NARROW.fingerprint)
    assert queue.summary()["totalChunks"] == HOURS
    queue.push_ids("later")
    assert visit(queue, NARROW) is Verdict.WOULD_LOSE
    assert totals(queue)[0] < HOURS
    assert totals(queue)[1] == 1
    assert visit(queue, NARROW) is Verdict.SAME


def test_an_adopting_process_that_dies_before_its_commit_lost_nothing(queue: Brand) -> None:
    """The state is trimmed in memory first; what Redis holds is whole until the commit."""
    push_hours(queue)
    visit(queue, WIDE)
    before = queue.client.hgetall(queue.keys.state)
    yes = Settings(summary_window_sec=900, max_stories=1, settings_adopt=True)
    queue.push_ids("later")
    session = session_of(queue, yes)
    session.open()
    queue.client.delete(queue.keys.lock)  # it is gone, and its lock expires
    assert queue.client.hgetall(queue.keys.state) == before
    assert visit(queue, WIDE) is Verdict.SAME
    assert totals(queue)[0] == HOURS + 1


def test_a_new_threshold_just_works(queue: Brand) -> None:
    """A restart with another threshold keeps everything."""
    push_hours(queue)
    visit(queue, WIDE)
    queue.push_ids("later")
    assert visit(queue, Settings(merge_similarity_threshold=0.9, max_stories=6_000)) is Verdict.TAKE_OVER
    assert totals(queue)[0] == HOURS + 1


@pytest.mark.parametrize("name", STORED)
def test_states_of_older_formats_take_the_present_settings(queue: Brand, name: str) -> None:
    """They say nothing of settings, so nobody is refused; from the first commit on they do."""
    STORED[name].restore(queue.client, queue.name)
    queue.push_ids("new")
    assert visit(queue, WIDE) is Verdict.TAKE_OVER
    assert stored_settings(queue.client, [queue.name])[queue.name].settings == WIDE.fingerprint.text().encode()
    with pytest.raises(SettingsRefusedError):
        visit(queue, NARROW)


OWN = {"LABEL_SIMILARITY_THRESHOLD": 0.2}
STRICT = Settings(label_similarity_threshold=0.9)


def give(queue: Brand, own: dict[str, float]) -> None:
    """One commit after which the brand has these settings of its own."""
    store = Store(queue.client, store_options(WIDE))
    lease = store.acquire(queue.name, store.new_token())
    store.commit(lease, Commit("give" + lease.cid[:8], lease.cid, lease.version + 1, own=own))
    store.release(lease)


@pytest.mark.parametrize("warm", [False, True])
def test_a_brand_is_folded_with_its_own_settings(queue: Brand, *, warm: bool) -> None:
    """By whatever process, with a state in memory or without; and with the process's again once they are gone."""
    kept = Warm(BatchSizer())

    def push(part: str) -> int:
        nonlocal kept
        cluster = {"id": part, "label": f"rocket launch harbour {part}night", "mentions": [f"m{part}"]}
        queue.push(queue.item(part, clusters=[cluster]))
        store = Store(queue.client, store_options(STRICT))
        session = BrandSession(store, session_config(STRICT), queue.name, kept if warm else None)
        session.open(begin=True)
        drain(session)
        kept = session.settle()
        assert session.release()
        count: int = queue.summary()["clusterCount"]
        return count

    assert (push("a"), push("b")) == (1, 2)
    give(queue, OWN)
    assert push("c") == 2, "it joins one that is there"
    give(queue, {})
    assert push("d") == 3


def test_state_in_memory_is_not_used_under_other_settings(queue: Brand) -> None:
    """Also where somebody wrote them into meta, so that the last commit is the same one."""
    queue.push_ids("c1")
    session = session_of(queue, WIDE)
    session.open()
    drain(session)
    warm = session.settle()
    session.release()
    assert warm.state is not None
    own = WIDE.fingerprint.owning({"MAX_STORIES": 7_000}).text()
    queue.client.hset(queue.keys.meta, "settings", own)
    queue.push_ids("c2")
    again = BrandSession(Store(queue.client, store_options(WIDE)), session_config(WIDE), queue.name, warm)
    again.open(begin=True)
    drain(again)
    state = again.settle().state
    assert again.release()
    assert state is not None
    assert state.config.max_stories == 7_000
    assert totals(queue)[0] == 2


def test_trial_of_a_suspect_is_under_the_brands_own_settings(queue: Brand) -> None:
    """What is tried is what would be folded."""
    queue.push_ids("c1")
    visit(queue, WIDE)
    give(queue, {"MAX_STORIES": 7_000})
    queue.push_ids("c2")
    queue.client.hset(queue.keys.meta, "suspects", 1)
    session = session_of(queue, WIDE)
    session.open()
    session.step()
    assert session.trial().fold.max_stories == 7_000
    session.abandon()
    session.release()
