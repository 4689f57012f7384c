"""The benchmark of words reads and folds what it says."""

from __future__ import annotations

import random

from click.testing import CliRunner

from bench import words
from orchestrator.brand.normal_form import PLAIN
from orchestrator.kernels import choice


def test_texts_are_plain() -> None:
    """Else the figure of the reader would be that of giving up."""
    made = words.examples("w1 w2 w3", random.Random(1))  # noqa: S311 - test data
    assert choice.IMPLEMENTATION == "python" or all(PLAIN.read(text) for text in made)


def test_clusters_have_texts_or_ids() -> None:
    """The words of texts make stories what they are."""
    for with_texts in (False, True):
        (batch,) = words.batches(16, with_texts=with_texts)
        assert len(batch.chunks) == 2
        assert [len(batch.mentions.texts(row)) for row in range(16)] == [3 * with_texts] * 16
        assert 1 < words.fold([batch]) <= 16


def test_command_tells_each_cost() -> None:
    """One row each."""
    run = CliRunner().invoke(words.command, ["--clusters", "16", "--rounds", "1", "--json"])
    assert run.exit_code == 0
    assert run.output.count("a cluster, by its label") == 2
