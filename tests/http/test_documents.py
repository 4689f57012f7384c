"""Reading stored summaries: tolerant of gaps, strict about types and size."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.contract import summary as contract
from orchestrator.http import documents
from orchestrator.http.documents import parse_summary, read_summary
from orchestrator.http.problems import ProblemError
from orchestrator.store.documents import MAX_DOCUMENT_BYTES
from tests.http.conftest import MemoryService


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"epoch": "3"}',
        b'{"version": -1}',
        b'{"totalMentions": NaN}',
        b'{"totalMentions": 1e999}',
        b'{"clusters": [{}]}',
        b'{"x": ' + b"[" * 100_000,
        b'{"summary": "' + b"x" * MAX_DOCUMENT_BYTES + b'"}',
    ],
)
def test_parse_summary_refuses_what_is_no_summary(raw: bytes) -> None:
    """Somebody else's bytes under the key are an error of what is read, never a crash."""
    with pytest.raises(ProblemError) as caught:
        parse_summary(raw)
    assert caught.value.status == 502


def test_parse_summary_fills_gaps() -> None:
    """A document of an older service lacks fields and is shown all the same."""
    document = parse_summary(b'{"brand": "nike", "unknown": [1]}')
    assert (document.brand, document.total_mentions, document.etag) == ("nike", 0, "0-0")


async def test_read_summary_without_one_is_404() -> None:
    """No summary is the reader's finding, not an error."""
    with pytest.raises(ProblemError) as caught:
        await read_summary(MemoryService(), "nike")
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (documents.StoredSummary, contract.Summary),
        (documents.StoredStory, contract.StoryTotal),
        (documents.StoredTopic, contract.TopicTotal),
        (documents.SentimentSums, contract.SentimentTotals),
    ],
)
def test_fields_that_are_read_are_written(read: type[msgspec.Struct], written: type[msgspec.Struct]) -> None:
    """No page waits for a field that the brand rules call something else."""
    wire_names = {field.encode_name for field in msgspec.structs.fields(written)}
    assert {field.encode_name for field in msgspec.structs.fields(read)} <= wire_names
