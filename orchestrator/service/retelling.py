"""What an archive tells of a brand's past, as one question and one answer: for the command line, and for a process.

Owns what is asked, what is answered, and which errors are words of an answer. Blocking, and work for seconds: the
service does it in a process of its own (:mod:`orchestrator.service.retellers`). Who answers knows no Redis: on which
commit a brand stands, and what waits for the archive, is part of the question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from orchestrator.archive.chain import tail_to
from orchestrator.archive.explain import Journal, Question
from orchestrator.archive.record import pack, record_of, unpack
from orchestrator.contract.explanation import ExplainedOrder
from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveUnavailableError,
    NothingToExplainError,
    OrchestratorError,
)
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.looking_back import Moment, chunks_behind, settled_ms, summary_at
from orchestrator.objects.marker import read_marker
from orchestrator.objects.objects import Objects
from orchestrator.service.placing import refuse_unless
from orchestrator.store.archived import read_standing
from orchestrator.store.consumed import Consumed

if TYPE_CHECKING:
    import redis

    from orchestrator.settings import Settings

Trouble = Literal["nothing", "misplaced", "unavailable", "damaged", "memory"]

_ERRORS: Final[dict[str, type[OrchestratorError]]] = {
    "nothing": NothingToExplainError,
    "misplaced": ArchiveMisplacedError,
    "unavailable": ArchiveUnavailableError,
    "damaged": ArchiveError,
    "memory": ArchiveError,
}
_NO_MEMORY: Final = "more memory is needed for this than it may take; ask for an hour, or on the command line"


MAX_TAIL_BYTES: Final = 16 << 20
"""Of what waits for the archive: where more does, the answer is as of the last commit within them."""

_NOBODY: Final = ""
"""Who has no right to put what waits; what cannot be read stays then."""

NEVER: Final = Moment("", None, 0, 0)
"""Of a request whose moment is not known yet."""


class Request(msgspec.Struct, frozen=True):
    """What is asked.

    Attributes:
        archive_url: where the archive is.
        brand: of whom.
        moment: as of when.
        question: which number is to be explained; None: only the summary is asked for.
        order: of its chunks.
        limit: of these.
        every: explain all stories that a summary may show at once, whatever the name in the question.
        waiting: what leads on from the moment's commit and waits for the archive, as an object of it would be.
        known: id of the archive that Redis knows; empty: none, and any place is taken for it.
    """

    archive_url: str
    brand: str
    moment: Moment = NEVER
    question: Question | None = None
    order: ExplainedOrder = "newest"
    limit: int = 50
    every: bool = False
    waiting: bytes = b""
    known: str = ""


def moment_of(client: redis.Redis, settings: Settings, brand: str, at_ms: int | None) -> tuple[Moment, bytes]:
    """What the archive is asked of *brand*, as of *at_ms* (Unix ms; None: now), and what waits for it.

    Raises:
        ArchiveError: no archive is set, or what waits for it is no record.
        NothingToExplainError: nothing was committed yet, or the time is to come by the clock of Redis.
        StoreError: Redis gave no answer or refused.
    """
    if not settings.archives:
        raise ArchiveError("nothing is kept of the past: ARCHIVE_URL names no folder or bucket")
    # The commit first: what does not wait any more by then was put into the archive before.
    standing = read_standing(client, brand)
    kept = [record_of(brand, one.head, one.payloads) for one in Consumed(client).read(brand, _NOBODY, MAX_TAIL_BYTES)]
    tail = tail_to(kept[-1].cid, kept) if kept else []
    cid = tail[0].previous if tail else standing.cid
    if not cid and not tail:
        raise NothingToExplainError(f"nothing of {brand!r} is in the archive yet")
    if at_ms is not None and at_ms > standing.now_ms:
        raise NothingToExplainError("that time is to come")
    # That of the brand: with a longer one of its own the chunks would begin too late.
    window_s = standing.settings.get("SUMMARY_WINDOW_SEC", settings.summary_window_sec)
    return Moment(cid, at_ms, standing.now_ms, round(window_s * 1000)), pack(tail) if tail else b""


class Reply(msgspec.Struct, frozen=True):
    """What is told.

    Attributes:
        summary: the document, as readers saw it.
        at_ms: as of when it is, Unix ms.
        cid: of which commit.
        settled: nothing that comes can change it.
        answers: explanations, JSON; by the id of the story where all are told, else by an empty name.
        trouble: why nothing is told; empty: it is.
        detail: that in a sentence.
    """

    summary: bytes = b""
    at_ms: int = 0
    cid: str = ""
    settled: bool = False
    answers: dict[str, bytes] = msgspec.field(default_factory=dict)
    trouble: Trouble | Literal[""] = ""
    detail: str = ""

    def checked(self) -> Reply:
        """Itself.

        Raises:
            NothingToExplainError, ArchiveUnavailableError, ArchiveError: what it says in place of an answer.
        """
        if self.trouble:
            raise _ERRORS[self.trouble](self.detail)
        return self


def reply_to(request: Request) -> Reply:
    """The answer; what is wrong with the archive or the question is one, too."""
    try:
        with Objects.open(request.archive_url) as objects:
            if request.known:
                refuse_unless(request.known, read_marker(objects), objects)
            elif request.moment.cid and objects.mounted:
                objects.folders()  # refused where there is no folder, which would look like a gap
            return _reply(BrandArchive(objects, request.brand), request)
    except NothingToExplainError as error:
        return Reply(trouble="nothing", detail=str(error))
    except ArchiveMisplacedError as error:
        return Reply(trouble="misplaced", detail=str(error))
    except ArchiveUnavailableError as error:
        return Reply(trouble="unavailable", detail=str(error))
    except MemoryError:
        return Reply(trouble="memory", detail=_NO_MEMORY)
    except OrchestratorError as error:
        return Reply(trouble="damaged", detail=str(error))


def _reply(archive: BrandArchive, request: Request) -> Reply:
    moment, question = request.moment, request.question
    tail = list(unpack(request.waiting, request.brand)) if request.waiting else []
    if question is None:
        found = summary_at(archive, moment.cid, moment.at_ms, tail)
        settled = moment.at_ms is not None and settled_ms(archive, moment.cid) > moment.at_ms
        return Reply(found.summary, found.heading.at_ms, found.heading.cid, settled)
    journal = Journal(question)
    found = chunks_behind(archive, moment, question, journal, tail)
    if request.every:
        told = journal.answers(found.state, found.heading, request.order, request.limit)
        answers = {one.id or "": _encode(one) for one in told}
    else:
        answers = {"": _encode(journal.answer(found.state, found.heading, request.order, request.limit))}
    return Reply(found.summary, found.heading.at_ms, found.heading.cid, answers=answers)


_encode = msgspec.json.encode
