"""Labels: their words, and whether they are names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.labels import is_name, is_name_by_rule, is_surely_name, nameless_labels, noise_ids, words
from orchestrator.brand.normal_form import normal_form


def test_words_are_those_of_the_normal_form() -> None:
    """Labels, topics and words follow one rule."""
    assert words("Launch, buzz!") == normal_form("buzz launch").words == ("buzz", "launch")


@pytest.mark.parametrize(
    "label", ["", "  ", "\u200b", "-1", "\N{MINUS SIGN}1", "-1_the_to_and_you", "-1: the to", "..."]
)
def test_empty_labels_and_noise_are_no_names(label: str) -> None:
    """Nothing, and what BERTopic and HDBSCAN call what fits nowhere."""
    assert not is_name(label)


@pytest.mark.parametrize("label", ["17", "3.5", "#3", "1,000", "12_", "(0)", "\u0663"])
def test_numbers_are_no_names(label: str) -> None:
    """A cluster's number within its chunk says nothing of it."""
    assert not is_name(label)


PLACEHOLDERS = [
    *(
        "Cluster 0",
        "cluster_7",
        "Topic 3",
        "topic-12",
        "Topic -1",
        "Cluster #4",
        "topic7",
        "Group 1",
        "k-means cluster 3",
    ),
    *("Outliers", "outlier", "NOISE", "Noise / outliers", "the others", "Other", "Misc.", "N/A", "null", "Unknown"),
    *("No topic", "No label", "unlabeled", "Cluster"),
]


@pytest.mark.parametrize("label", PLACEHOLDERS)
def test_placeholders_are_no_names(label: str) -> None:
    """A worker that has no label writes one all the same."""
    assert not is_name(label)


NAMES = [
    *(
        "Model 3",
        "no signal",
        "Noise cancelling",
        "Community",
        "Class action",
        "Series 5",
        "$5",
        "5 %",
        "1\ufe0f\u20e3",
    ),
    *(
        "0_late_flight",
        "Topic 3: refunds",
        "label7",
        "Another topic",
        "Other airlines",
        "The",
        "👍",
        ":(",
        "No",
        "航班延误",
    ),
]


@pytest.mark.parametrize("label", NAMES)
def test_what_says_something_is_a_name(label: str) -> None:
    """One word or symbol more than a placeholder is enough."""
    assert is_name(label)


@pytest.mark.parametrize("cluster_id", ["-1", "-1_the_to_and", "noise", "Outliers", "cluster--1", "topic_-1", "7/-1"])
def test_ids_of_noise_are_known(cluster_id: str) -> None:
    """-1 is what clustering libraries number it."""
    assert noise_ids(["0", cluster_id, "launch"]) == {cluster_id}


@pytest.mark.parametrize("cluster_id", ["", "0", "1", "-10", "topic-1", "cluster-1", "launch-positive", "noise-4"])
def test_other_ids_are_not_noise(cluster_id: str) -> None:
    """A hyphen before a one is no minus."""
    assert noise_ids(["-1", cluster_id, "outlier"]) == {"-1", "outlier"}


def test_nameless_labels_are_found_among_others() -> None:
    """Known labels are not asked again, and the answer stays the same."""
    for _ in range(2):
        assert nameless_labels({"Late flight", "Topic 3", "", "x" * 999}) == {"Topic 3", ""}


NAME_PIECES = [
    *("un", "known", "cluster", "Cluster 7", "topic", "topics", "noise", "outliers", "-1", "- 1", "-1_", "the", "no"),
    *("name", "n", "a", "na", "nan", "un-cat", "egorized", "kmeans", "late", "bus", "5", "1,200", "$5", "c++", "label"),
    *("unclassified", "un class", "ified", "é", ":", "_", " ", "  "),
]


@given(pieces=st.lists(st.sampled_from(NAME_PIECES), max_size=6), between=st.sampled_from([" ", "", "_"]))
def test_sure_names_are_names_by_the_rule(pieces: list[str], between: str) -> None:
    """The short way says nothing that the rule does not."""
    label = between.join(pieces)
    normal = normal_form(label)
    assert not is_surely_name(label, normal) or is_name_by_rule(label, normal)


@pytest.mark.parametrize(
    ("label", "sure"),
    [("Shipping to the desert is slow", True), ("-1_shipping_desert_late_again", False), ("un categorized", False)],
)
def test_most_labels_are_surely_names(label: str, sure: bool) -> None:  # noqa: FBT001 - parametrised
    """Else nothing would be gained; what begins like noise, or is as short as a placeholder, is looked at."""
    assert is_surely_name(label, normal_form(label)) is sure
