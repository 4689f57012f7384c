"""What an archive tells over HTTP: parameters, errors in words, and how long an answer may be kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveUnavailableError,
    NothingToExplainError,
    PastBusyError,
    PastSlowError,
    StoreUnavailableError,
)
from orchestrator.http.past_view import Wanted
from tests.http.conftest import MemoryPast, MemoryService

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

pytestmark = pytest.mark.trio

AT_MS = 1_772_366_400_000  # 2026-03-01T12:00:00Z
AT = "/v1/brands/a%2Fb/at/2026-03-01T12:00:00Z"
EXPLAIN = "/v1/brands/a%2Fb/explain"


@pytest.fixture
def archive(service: MemoryService) -> MemoryPast:
    """That of the service."""
    service.kept = MemoryPast()
    return service.kept


async def problem(client: TestClientProtocol, path: str) -> tuple[int, str]:
    """Status and detail of an error."""
    response = await client.get(path)
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = json.loads(await response.get_data(as_text=True))
    return response.status_code, document["detail"]


@pytest.mark.parametrize("path", [AT, EXPLAIN])
async def test_without_an_archive_nothing_is_kept(client: TestClientProtocol, path: str) -> None:
    """It is said, as a problem."""
    assert await problem(client, path) == (404, "Nothing is kept of the past here: the service has no archive.")


async def test_summary_of_then_is_passed_on(client: TestClientProtocol, archive: MemoryPast) -> None:
    """Byte for byte; what cannot change may be kept by its reader, and by nobody between."""
    archive.document = b'{"brand": "a/b"}'
    response = await client.get(AT)
    assert await response.get_data(as_text=False) == archive.document
    assert (response.content_type, response.headers["Cache-Control"]) == ("application/json", "no-cache")
    assert archive.asked == [("a/b", AT_MS)]
    archive.settled = True
    response = await client.get(AT)
    assert response.headers["Cache-Control"] == "private, max-age=3600"
    again = await client.get(AT, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", Wanted("total")),
        ("?story=s%201", Wanted("story", "s 1")),
        ("?topic=recall&order=largest&limit=7", Wanted("topic", "recall", order="largest", limit=7)),
        ("?hour=2026-03-01T12:00:00Z&at=2026-03-01T12:00:00Z", Wanted("hour", hour_ms=AT_MS, at_ms=AT_MS)),
        ("?story=&topic=&order=&at=", Wanted("total")),
        (f"?story={'s' * 1_000}", Wanted("story", "s" * 1_000)),
    ],
)
async def test_number_is_one_of_four(
    client: TestClientProtocol, archive: MemoryPast, query: str, wanted: Wanted
) -> None:
    """Empty words are as good as none: forms send them."""
    assert (await client.get(EXPLAIN + query)).status_code == 200
    assert archive.asked == [("a/b", wanted)]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/brands/b/at/soon", "the time must be a time of ISO 8601"),
        ("/v1/brands/b/at/2199-01-01", "the time must not be a time to come"),
        (f"/v1/brands/b/at/{'1' * 50}", "the time must be a time"),
        ("/v1/brands/b/at/2026", "the time must be a time"),
        ("/v1/brands/b/explain?at=x", "at must be a time"),
        (f"/v1/brands/b/explain?at=2026-03-01{'%20' * 31}", "at must be a time"),
        (f"/v1/brands/b/explain?at={'x' * 50}", f"and not '{'x' * 40}'."),
        (f"/v1/brands/b/explain?hour={'x' * 1_001}", "hour must be a time"),
        ("/v1/brands/b/explain?hour=x", "hour must be a time"),
        ("/v1/brands/b/explain?hour=2199-01-01", "hour must not be a time to come"),
        ("/v1/brands/b/explain?story=a&topic=b", "story and topic are several numbers"),
        (f"/v1/brands/b/explain?story={'s' * 1_001}", "story must have at most 1000 characters"),
        ("/v1/brands/b/explain?order=oldest", "order must be one of newest, largest"),
        ("/v1/brands/b/explain?limit=1001", "limit must be a whole number from 1 to 1000"),
        ("/v1/brands/b/explain?what=1", "There is no parameter 'what'"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    client: TestClientProtocol, archive: MemoryPast, path: str, detail: str
) -> None:
    """With the name, what it says and what would be right; nothing is asked of the archive."""
    status, told = await problem(client, path)
    assert (status, detail in told) == (400, True), told
    assert archive.asked == []


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (NothingToExplainError("no such story"), 404, "No such story."),
        (PastBusyError("secret"), 503, "Others ask for the past already; try again."),
        (PastSlowError("secret"), 504, "This takes longer than a reader waits"),
        (ArchiveMisplacedError("secret"), 503, "The archive is not where it was: its volume may not be mounted."),
        (ArchiveUnavailableError("secret"), 503, "The archive does not answer at the moment."),
        (ArchiveError("secret"), 502, "The archive is damaged there, or has a gap."),
        (StoreUnavailableError("secret"), 503, "The store does not answer at the moment."),
    ],
)
@pytest.mark.parametrize("path", [AT, EXPLAIN])
async def test_errors_are_words_that_name_no_place(
    client: TestClientProtocol, archive: MemoryPast, path: str, error: Exception, status: int, detail: str
) -> None:
    """Each with its status; where it may help to try again, when."""
    archive.error = error
    told = await problem(client, path)
    assert told[0] == status
    assert told[1].startswith(detail)
    assert "secret" not in told[1]
    assert ("Retry-After" in (await client.get(path)).headers) is (status == 503)


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (ArchiveMisplacedError("/mnt"), "archive is not where it was"),
        (ArchiveUnavailableError("/mnt"), "archive does not answer"),
        (ArchiveError("/mnt"), "archive cannot be read"),
    ],
)
async def test_place_that_a_reader_is_not_told_stands_in_the_log(
    client: TestClientProtocol, archive: MemoryPast, error: Exception, event: str
) -> None:
    """Somebody must be able to mend it."""
    archive.error = error
    with capture_logs() as logs:
        await client.get(AT)
    assert [(each["event"], each["error"]) for each in logs if "error" in each] == [(event, "/mnt")]


async def test_name_that_no_brand_can_have_is_not_asked_for(client: TestClientProtocol, archive: MemoryPast) -> None:
    """Blanks around it, or too long."""
    for name in ("%20b", "b" * 2_000):
        assert (await client.get(f"/v1/brands/{name}/explain")).status_code == 404
        assert (await client.get(f"/v1/brands/{name}/at/2026-03-01")).status_code == 404
    assert archive.asked == []
