"""A retry that is killed, or has company, loses and doubles nothing, whoever is killed."""

from __future__ import annotations

from tests.faults.letter_kills import Campaign, run


def test_killed_retries_lose_and_double_nothing() -> None:
    """Two retries at once, killed while they work or with Redis under them, and two more that end."""
    done = run(600, 1, at_once=2)
    assert (done.lost, done.doubled) == (0, 0)


def test_what_was_counted_before_counts_once_whoever_is_killed() -> None:
    """Half of the letters are chunks that were counted before they were sent again, and the orchestrator dies too."""
    done = run(300, 1, serving=True)
    assert (done.lost, done.doubled) == (0, 0)


def test_a_letter_that_is_lost_or_doubled_is_noticed() -> None:
    """The look can fail: one letter is taken away, another is there twice."""
    with Campaign(3) as campaign:
        campaign.take_one_and_double_one()
        campaign.end()
        assert (campaign.lost, campaign.doubled) == (1, 1)
