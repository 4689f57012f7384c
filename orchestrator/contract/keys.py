"""Every Redis key name, written once.

Source: the contract with workers and readers (``docs/redis-protocol.md``). Keys that only this service uses hold the
queue's name as a hash tag, so that they are in its slot; where they have to be, and for the names that a cluster has
beyond these, see :mod:`orchestrator.contract.layout`. A brand may hold any character that
:func:`orchestrator.contract.brands.check_brand` accepts; names are UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass

BRAND_LIST_KEYS = ("brands:list", "brands:set")
UPDATES_CHANNEL = "summary:updates"
MEMBERS_KEY = "orchestrator:members"  # HASH, the processes that live
ORPHANS_KEY = "orchestrator:orphans"  # STRING with PX, the queues of unregistered brands, as last searched for
ORPHANS_TURN_KEY = "orchestrator:orphans:turn"  # STRING with PX, token of who searches
AUDIT_KEY = "orchestrator:audit"  # LIST, what people did
ORDERS_KEY = "orchestrator:orders"  # HASH, orders to processes that they have not heard yet
PARKED_KEY = "orchestrator:parked"  # HASH, brands that processes leave alone
PAUSED_KEY = "orchestrator:paused"  # HASH, brands that an operator paused -> the mark; "" -> what changes with each
HISTORY_KEY = "orchestrator:history"  # HASH, the minutes of the last day
HISTORY_HOURS_KEY = "orchestrator:history:hours"  # HASH, the hours of the last month
ARCHIVE_KEY = "orchestrator:archive"  # STRING, id of the archive that this Redis stands with
LEFT_TURN_KEY = "orchestrator:archive:left"  # STRING with PX, somebody looks for records of brands that left
RECORDING_KEY = "orchestrator:recording"  # STRING with PX, somebody writes the present minute

QUEUE_PREFIX = "result:brand:"
QUEUE_SUFFIX = ":chunks"


def queue_key(brand: str) -> str:
    """Name of the LIST into which workers RPUSH a brand's chunks."""
    return f"{QUEUE_PREFIX}{brand}{QUEUE_SUFFIX}"


def worker_queue_key(brand: str) -> str:
    """Name of the LIST from which workers take a brand's work; it is theirs, and named here for their dead letters."""
    return f"queue:brand:{brand}{QUEUE_SUFFIX}"


def brand_of_queue(key: str) -> str | None:
    """The brand whose queue *key* is, or None for any other key."""
    if not (key.startswith(QUEUE_PREFIX) and key.endswith(QUEUE_SUFFIX)):
        return None
    return key[len(QUEUE_PREFIX) : -len(QUEUE_SUFFIX)] or None


def failed_key(brand: str) -> str:
    """Name of the LIST of a brand's dead letters."""
    return f"failed:brand:{brand}"


def signed_out_key(nonce: str) -> str:
    """Name of the STRING (with PX) that says that a session of an operator was ended."""
    return f"orchestrator:signed-out:{nonce}"


def digest_key(route: str) -> str:
    """Name of the STRING (with PX) that holds the token of who tells the digests of *route*."""
    return f"orchestrator:digest:{route}"


def archive_next_key(place: str) -> str:
    """Name of the STRING (with PX) that holds the id with which the archive at *place*, a digest, is to be marked."""
    return f"{ARCHIVE_KEY}:next:{place}"


def claim_keys(brand: str) -> tuple[str, str, str]:
    """Lock, meta and queue of *brand*, as in :class:`BrandKeys`: claims ask about all brands, and need no others."""
    queue = queue_key(brand)
    return f"{_own(queue)}lock", f"{_own(queue)}meta", queue


def _own(queue: str) -> str:
    return f"orchestrator:{{{queue}}}:"


@dataclass(frozen=True, slots=True)
class BrandKeys:
    """All keys of one brand; the attribute's comment gives the Redis type.

    ``spike:brand:<brand>:<clusterId>`` belongs to workers and has no name here.
    """

    brand: str
    queue: str  # LIST, in
    lock: str  # STRING with PX
    meta: str  # HASH
    state: str  # HASH
    digests0: str  # STRING, the younger generation of digests of chunks
    digests1: str  # STRING, the older one
    seen0: str  # SET, the younger generation as versions before format 5 have it
    seen1: str  # SET, the older one
    failed: str  # LIST, out, shared with workers
    summary: str  # STRING, out
    spike: str  # LIST, out
    trend: str  # HASH, out
    recent: str  # LIST, out
    outbox: str  # LIST
    telling: str  # STRING with PX
    told: str  # SET, which routes are done with which alerts of the outbox
    retried: str  # HASH, marks of dead letters that were sent again
    segments: str  # HASH, large parts of the state
    mood: str  # LIST, out
    stories: str  # LIST, out
    records: str  # LIST, heads of the records that wait for the archive
    archiving: str  # HASH, who brings them there, and how much waits

    def episodes(self, kind: str) -> str:
        """The list of episodes of that *kind*: ``volume``, ``mood`` or ``story``."""
        return {"volume": self.spike, "mood": self.mood, "story": self.stories}[kind]

    def consumed(self, cid: str) -> str:
        """The LIST of the payloads that the commit *cid* took, which wait for the archive with the head of its record.

        A key for each commit: whole or not there at all, moved by name alone where a commit empties the queue, and
        never another commit's.
        """
        return f"{self.records.removesuffix('records')}consumed:{cid}"

    @classmethod
    def of(cls, brand: str, own: str = "") -> BrandKeys:
        """The keys of *brand*; names of its own begin with *own*, if that is given."""
        queue = queue_key(brand)
        own = own or _own(queue)
        return cls(
            brand=brand,
            queue=queue,
            lock=f"{own}lock",
            meta=f"{own}meta",
            state=f"{own}state",
            digests0=f"{own}digests0",
            digests1=f"{own}digests1",
            seen0=f"{own}seen0",
            seen1=f"{own}seen1",
            failed=failed_key(brand),
            summary=f"summary:brand:{brand}",
            spike=f"spike:brand:{brand}",
            trend=f"trend:brand:{brand}",
            recent=f"chunks:recent:brand:{brand}",
            outbox=f"{own}outbox",
            telling=f"{own}telling",
            told=f"{own}told",
            retried=f"{own}retried",
            segments=f"{own}segments",
            mood=f"mood:brand:{brand}",
            stories=f"stories:brand:{brand}",
            records=f"{own}records",
            archiving=f"{own}archiving",
        )
