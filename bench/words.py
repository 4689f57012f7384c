"""What text costs: its words by the compiled reader and by the rule itself, and folding clusters of different texts."""

from __future__ import annotations

import random

import click
import msgspec

from bench._harness import Report, median_s
from bench.labels import VOCABULARY, distinct_labels
from orchestrator.brand.normal_form import PLAIN, defined_form
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.stories import StoryBook
from orchestrator.contract.decode import ChunkBatch, decode_batch

CLUSTERS = 10_000  # more than there are remembered texts: every one has to be read
EXAMPLES = 3
CHUNK = 8
BATCH = 100
AT_MS = 1_795_435_200_000


def labels(count: int) -> list[str]:
    """*count* different labels of three to seven words."""
    return [" ".join(words) for words in distinct_labels(count)]


def examples(label: str, rng: random.Random) -> list[str]:
    """What people write of *label*: its words and some others, of which two are rare."""
    return [
        f"The {label} is at ${rng.randrange(10**6)}, and {_word(rng)} (#{_word(rng)}) too: https://example.com/{number}"
        for number in range(EXAMPLES)
    ]


def _word(rng: random.Random) -> str:
    return f"w{rng.randrange(VOCABULARY)}"


def batches(count: int, *, with_texts: bool) -> list[ChunkBatch]:
    """*count* clusters of different labels in chunks as workers push them, decoded."""
    rng = random.Random(1)
    clusters = [
        {
            "id": f"c{number}",
            "label": label,
            "mentions": examples(label, rng) if with_texts else [f"m{number}"],
            "mentionCount": EXAMPLES + 1,
        }
        for number, label in enumerate(labels(count))
    ]
    items = [
        msgspec.json.encode(
            {
                "chunkId": f"k{first}",
                "brand": "b",
                "sentiment": {"score": 0},
                "clusters": clusters[first : first + CHUNK],
            }
        )
        for first in range(0, count, CHUNK)
    ]
    return [decode_batch(items[first : first + BATCH], "b") for first in range(0, len(items), BATCH)]


def fold(made: list[ChunkBatch]) -> int:
    """Fold all of them into an empty book; how many stories there are."""
    book = StoryBook(0.75, 10 * CLUSTERS)
    for batch in made:
        book.fold_batch(batch, [AT_MS] * len(batch), [AT_MS // PANE_MS] * len(batch))
    return len(book)


@click.command()
@click.option("--clusters", "count", default=CLUSTERS, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def command(*, count: int, rounds: int, as_json: bool) -> None:
    """Find the words of texts, and fold clusters by their label alone and with three texts each."""
    rng = random.Random(2)
    texts = [text for label in labels(max(1, count // EXAMPLES)) for text in examples(label, rng)]
    named, told = batches(count, with_texts=False), batches(count, with_texts=True)
    times = median_s(
        {
            "a text, read": lambda: [PLAIN.read(text) for text in texts],
            "a text, by the rule itself": lambda: [defined_form(text) for text in texts],
            "a cluster, by its label": lambda: fold(named),
            "a cluster, by its label and three texts": lambda: fold(told),
        },
        rounds,
    )
    report = Report("Words, µs", ["what", "µs"])
    for what, seconds in times.items():
        report.rows.append((what, seconds * 1e6 / (len(texts) if "text," in what else count)))
    report.notes.append("a text is plain, has some 90 characters; clusters come in chunks of 8, and have been decoded")
    report.show(as_json=as_json)
