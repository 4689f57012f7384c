"""What an archive has is listed, shown and verified, and a live state compared with what is made of it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.archive.record import Fate, Item, Record
from orchestrator.errors import ArchiveError, ObjectMissingError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.marker import MARKER
from orchestrator.objects.objects import Objects
from orchestrator.objects.verify import Kind, verify_brand
from orchestrator.objects.way import Way
from orchestrator.service import live_commit, take_snapshot, verifying, waiting_records
from orchestrator.service.placing import adopt
from orchestrator.settings import Settings
from orchestrator.store import Store, StoreOptions
from orchestrator.store.archive_id import known_id
from orchestrator.store.audit import read_audit
from tests.archive.recorder import Recorder, recorder
from tests.cli.conftest import Invoke
from tests.lane.support import Brand

__all__ = ["recorder"]


@dataclass
class Archived:
    """A brand with a live state, and an archive in a folder.

    Attributes:
        queue: of the brand.
        recorder: notes what its sessions do.
        archive: of the brand.
        folder: of the archive.
        put: cids of what was put.
    """

    queue: Brand
    recorder: Recorder
    archive: BrandArchive
    folder: Path
    put: set[str]

    @property
    def records(self) -> list[Record]:
        """What led to the live state."""
        return self.recorder.chain(live_commit(self.queue.client, self.queue.name)[0])[1]

    def visit(self, *chunk_ids: str) -> None:
        """Have a commit of those chunks, and put its record."""
        self.queue.push_ids(*chunk_ids)
        self.queue.visit()
        new = [record for record in self.records if record.cid not in self.put]
        self.archive.put(new)
        self.put |= {record.cid for record in new}

    def base(self) -> str:
        """Put the live state as a base; returns its commit."""
        snapshot = take_snapshot(self.queue.client, Settings(), self.queue.name)
        self.archive.put_base(snapshot)
        return snapshot.cid


@pytest.fixture
def archived(
    redis_client: redis.Redis,
    store: Store,
    brand: str,
    recorder: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Archived:
    """Three commits, letters and duplicates among them, and an archive of each."""
    folder = tmp_path / "archive"
    folder.mkdir()
    monkeypatch.setenv("ARCHIVE_URL", f"file://{folder}")
    queue = Brand(redis_client, store, brand)
    found = Archived(queue, recorder, BrandArchive(Objects.open(f"file://{folder}"), brand), folder, set())
    queue.push(b"{")
    found.visit("c1", "c2", "c2")
    found.visit("c3")
    found.visit("c4", "c1")
    return found


def files(archived: Archived, end: str) -> list[Path]:
    """Files of the archive with that end, in the order of commits."""
    return sorted(path for path in archived.folder.rglob(f"*{end}") if path.is_file())


def test_archive_is_whole(invoke: Invoke, archived: Archived) -> None:
    """Everything that was consumed is there once, from the first commit to the live state."""
    result = invoke("archive", "verify", archived.queue.name)
    assert result.exit_code == 0, result.output
    assert "is whole: 3 objects, 0 bases" in result.stdout
    assert "3 commits with 7 items from the brand's first commit" in result.stdout
    archived.base()
    archived.visit("c5")
    invoke("brands", "add", "nothing yet")
    told, nothing = json.loads(invoke("archive", "verify", "--all", "--json").stdout)
    assert (nothing["brand"], nothing["sound"], nothing["records"]) == ("nothing yet", True, 0)
    assert (told["brand"], told["sound"], told["version"], told["bases"]) == (archived.queue.name, True, 4, 1)
    assert told["fates"] == {"folded": 5, "duplicate": 2, "dead_letter": 1}
    assert told["findings"] == []


def test_what_waits_in_redis_is_taken_along(invoke: Invoke, archived: Archived) -> None:
    """Nobody has put it yet; it stays where it is, and one that cannot be read is left alone, too."""
    queue = archived.queue
    queue.store = Store(queue.client, StoreOptions(archive_bytes=1 << 20))
    for chunk_id in ("c6", "c7", "c1"):
        queue.push_ids(chunk_id)
        queue.visit()
    (told,) = json.loads(invoke("archive", "verify", queue.name, "--json").stdout)
    assert (told["sound"], told["waiting"], told["records"], told["items"]) == (True, 3, 6, 10)
    same = json.loads(invoke("state", "verify", queue.name, "--json").stdout)
    assert (same["same"], same["waiting"], same["records"], same["summary"]) == (True, 3, 6, True)
    assert [record.version for record in waiting_records(queue.client, queue.name)] == [4, 5, 6]
    queue.client.lset(queue.keys.records, 0, "no head")
    assert waiting_records(queue.client, queue.name) == []
    assert queue.client.llen(queue.keys.records) == 3
    (told,) = json.loads(invoke("archive", "verify", queue.name, "--json").stdout)
    assert told["findings"][0]["kind"] == "no base"


def test_registered_brand_of_which_nothing_is_there_is_told(
    invoke: Invoke, archived: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody took its folder away, or names another archive."""
    invoke("brands", "add", archived.queue.name)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/other")
    result = invoke("archive", "verify", "--all")
    assert result.exit_code == 1
    assert "no base" in result.stdout


def test_archive_of_what_redis_does_not_have_is_not_called_whole(invoke: Invoke, archived: Archived) -> None:
    """An empty Redis, or another one: no state leads anywhere, so nothing is called a dead branch either."""
    invoke("brands", "add", "nothing yet")
    archived.base()
    archived.queue.client.delete(archived.queue.keys.meta)
    result = invoke("archive", "verify", "--all")
    assert result.exit_code == 1
    assert f"{archived.queue.name!r} has no state in this Redis: 3 objects, 1 base" in result.stdout
    assert "belongs to nothing alive" in result.stdout
    assert "'nothing yet': nothing was committed, and nothing is in the archive" in result.stdout
    assert "whole" not in result.stdout
    (told,) = json.loads(invoke("archive", "verify", archived.queue.name, "--json").stdout)
    assert [finding["kind"] for finding in told["findings"]] == ["no state"]


def test_what_is_damaged_beside_a_gap_is_told_with_it(invoke: Invoke, archived: Archived) -> None:
    """Where a commit may lie is not looked for in what cannot be read."""
    files(archived, ".ndjson.gz")[-1].unlink()
    records = archived.records
    (name,) = archived.archive.put([records[1], replace(records[2], cid="forgotten")])
    path = archived.folder / name
    path.rename(path.with_name(path.name.replace("forgotten", "another")))  # all can be read, and ends otherwise
    result = invoke("archive", "verify", archived.queue.name, "--json")
    (told,) = json.loads(result.stdout)
    assert {finding["kind"] for finding in told["findings"]} == {"damaged", "gap", "no base"}
    assert told["records"] == 2, "the chain goes on with what begins alike and can be read"


def test_archive_whose_objects_are_always_moved_is_not_called_whole(
    archived: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be followed is told."""
    records = archived.records
    archived.archive.put([replace(records[2], cid="forgotten")])

    def moved(*_: Any) -> Any:
        raise ObjectMissingError("gone")

    monkeypatch.setattr(BrandArchive, "links", moved)
    found = verify_brand(archived.archive, records[-1].cid, records[-1].version)
    assert not found.sound
    assert [finding.kind for finding in found.findings] == [Kind.DAMAGED]
    assert "taken away all the time" in found.findings[0].told


def test_folder_of_which_nobody_can_tell_whose_it_is_is_told(invoke: Invoke, archived: Archived) -> None:
    """A long name stands in what lies there alone; where the brand is registered it is known."""
    name = "n" * 220
    record = replace(archived.records[0], brand=name)
    (object_,) = BrandArchive(archived.archive.objects, name).put([record])
    (archived.folder / object_).write_bytes(b"")
    result = invoke("archive", "verify", "--all", "--json")
    assert result.exit_code == 1
    damaged = [one for one in json.loads(result.stdout) if not one["sound"]]
    assert [(one["brand"], one["findings"][0]["kind"]) for one in damaged] == [(object_.split("/")[0], "damaged")]
    invoke("brands", "add", name)
    damaged = [one for one in json.loads(invoke("archive", "verify", "--all", "--json").stdout) if not one["sound"]]
    assert [(one["brand"], one["findings"][0]["where"]) for one in damaged] == [(name, object_)]


def remove_middle(archived: Archived) -> None:
    """An object is lost."""
    files(archived, ".ndjson.gz")[1].unlink()


def turn_bit(archived: Archived) -> None:
    """A byte of an object is another one."""
    path = files(archived, ".ndjson.gz")[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap_names(archived: Archived) -> None:
    """Two objects are each other's."""
    one, other = files(archived, ".ndjson.gz")[:2]
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def forget_last(archived: Archived) -> None:
    """The last commit was not archived."""
    files(archived, ".ndjson.gz")[-1].unlink()


def remove_first(archived: Archived) -> None:
    """There is neither the first object nor a base."""
    files(archived, ".ndjson.gz")[0].unlink()


def cut_base(archived: Archived) -> None:
    """A base is cut off."""
    archived.base()
    (path,) = files(archived, ".state")
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        (remove_middle, {"gap", "no base"}),
        (turn_bit, {"damaged"}),
        (swap_names, {"damaged"}),
        (forget_last, {"gap", "no base"}),
        (remove_first, {"no base"}),
        (cut_base, {"damaged"}),
    ],
)
def test_archive_that_is_not_whole_is_told(
    invoke: Invoke, archived: Archived, damage: Callable[[Archived], None], kinds: set[str]
) -> None:
    """With the object or the commit; the exit code says it, too."""
    damage(archived)
    result = invoke("archive", "verify", archived.queue.name)
    assert result.exit_code == 1
    assert "is NOT whole" in result.stdout
    (told,) = json.loads(invoke("archive", "verify", archived.queue.name, "--json").stdout)
    assert {finding["kind"] for finding in told["findings"]} == kinds
    assert all(finding["where"] in result.stdout for finding in told["findings"])


def test_base_behind_a_gap_makes_the_state_again(invoke: Invoke, archived: Archived) -> None:
    """The gap is told all the same: what was consumed in it is nowhere."""
    archived.queue.push_ids("lost")
    archived.queue.visit()
    archived.put |= {record.cid for record in archived.records}
    base = archived.base()
    archived.visit("c6")
    (told,) = json.loads(invoke("archive", "verify", archived.queue.name, "--json").stdout)
    assert [(each["kind"], each["where"]) for each in told["findings"]] == [("gap", base)]
    assert (told["begins"], told["sound"]) == (base, False)
    assert invoke("state", "verify", archived.queue.name).exit_code == 0


def test_what_redis_forgot_is_told_and_no_fault(invoke: Invoke, archived: Archived) -> None:
    """Neither are files of others, and objects that say again what others say."""
    records = archived.records
    archived.archive.put([replace(records[2], cid="forgotten")])
    archived.archive.put(records[:2])
    (archived.folder / "brand=x").mkdir()
    inside = files(archived, ".ndjson.gz")[0].parent
    (inside / "notes.txt").write_text("mine")
    (inside / "link.ndjson.gz").symlink_to("/etc/passwd")
    (told,) = json.loads(invoke("archive", "verify", archived.queue.name, "--json").stdout)
    kinds = ["dead branch", "said again", "said again", "strange", "strange"]  # the longer object is on the chain
    assert sorted(each["kind"] for each in told["findings"]) == kinds
    assert told["sound"]
    assert told["records"] == 3


def test_list_counts_what_is_there(invoke: Invoke, archived: Archived) -> None:
    """All brands, or each day of one; nothing is read for it."""
    archived.base()
    cid = live_commit(archived.queue.client, archived.queue.name)[0]
    (told,) = json.loads(invoke("archive", "list", "--json").stdout)
    assert (told["brand"], told["objects"], told["bases"], told["days"]) == (archived.queue.name, 3, 1, 1)
    assert (told["first"]["previous"], told["last"]["commit"]) == ("", cid)
    assert told["bytes"] == sum(path.stat().st_size for path in archived.folder.rglob("*") if path.is_file())
    of_brand = json.loads(invoke("archive", "list", archived.queue.name, "--json").stdout)
    assert [day["objects"] for day in of_brand["perDay"]] == [3]
    for arguments in ((), (archived.queue.name,)):
        table = invoke("archive", "list", *arguments)
        assert cid in table.stdout, table.output
    assert invoke("archive", "list", "never seen").exit_code == 1


OTHER = "2" * 32


@pytest.fixture
def elsewhere(archived: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archived:
    """An archive that Redis knows, and an ARCHIVE_URL that leads to an empty folder."""
    adopt(archived.queue.client, archived.archive.objects)
    (tmp_path / "beneath").mkdir()
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/beneath")
    return archived


def test_marker_is_none_of_a_brands(invoke: Invoke, archived: Archived) -> None:
    """Nothing that is listed, verified or removed."""
    before = invoke("archive", "list", "--json").stdout
    adopt(archived.queue.client, archived.archive.objects)
    listed = invoke("archive", "list", "--json")
    assert (listed.stdout, listed.stderr) == (before, "")
    assert invoke("archive", "verify", "--all").exit_code == 0
    assert invoke("archive", "compact", "--all", "--before", "2000-01-01").exit_code == 0
    assert invoke("brands", "remove", archived.queue.name, "--purge", "--yes").exit_code == 0
    assert [path.name for path in archived.folder.rglob("*") if path.is_file()] == [MARKER]


def test_place_that_is_not_the_archive_is_listed_with_a_warning(invoke: Invoke, elsewhere: Archived) -> None:
    """In a table and beside a document."""
    for more in ((), ("--json",)):
        listed = invoke("archive", "list", *more)
        assert listed.exit_code == 0
        assert "has no marker, and Redis knows the archive" in " ".join(listed.stderr.split())
        assert "orchestrator archive adopt" in " ".join(listed.stderr.split())
    assert elsewhere.folder.exists()


def test_archive_is_listed_where_redis_is_away(
    invoke: Invoke, archived: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is names and sizes; that nobody compared is told."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    listed = invoke("archive", "list", "--json")
    assert [one["brand"] for one in json.loads(listed.stdout)] == [archived.queue.name]
    assert "Not compared with the archive that Redis knows" in listed.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("archive", "verify", "--all"),
        ("archive", "compact", "--all"),
        ("archive", "prune", "--all", "--days", "1", "--yes"),
        ("archive", "tend"),
        ("state", "verify"),
        ("rebuild", "--all", "--dry-run"),
    ],
)
def test_command_that_needs_the_archive_is_refused_at_another_place(
    invoke: Invoke, elsewhere: Archived, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Before anything is read or put there."""
    names = (elsewhere.queue.name,) if command[0] == "state" else ()
    result = invoke(*command, *names)
    assert result.exit_code == 1
    assert "so nothing is put there" in " ".join(result.stderr.split())
    assert list((tmp_path / "beneath").iterdir()) == []


def test_past_is_not_told_out_of_another_place(invoke: Invoke, elsewhere: Archived) -> None:
    """It would say that nothing of the brand was kept."""
    for command in (("explain", elsewhere.queue.name, "--total"), ("summary", elsewhere.queue.name, "--at", "1s")):
        result = invoke(*command)
        assert result.exit_code == 1
        assert "has no marker, and Redis knows the archive" in " ".join(result.stderr.split())


def test_purge_tells_that_the_archive_is_elsewhere(invoke: Invoke, elsewhere: Archived) -> None:
    """What it has is not gone; the same command does the rest once it is mounted."""
    name = elsewhere.queue.name
    result = invoke("brands", "remove", name, "--purge", "--yes")
    assert result.exit_code == 1
    assert "NOT gone" in result.stderr
    assert list(elsewhere.folder.rglob("*.ndjson.gz"))


def test_place_is_adopted_by_a_yes(invoke: Invoke, elsewhere: Archived, tmp_path: Path) -> None:
    """It is marked, and Redis knows it; without a terminal nobody is asked."""
    before = known_id(elsewhere.queue.client)
    refused = invoke("archive", "adopt")
    assert (refused.exit_code, known_id(elsewhere.queue.client)) == (2, before)
    assert "say --yes" in refused.stderr
    done = invoke("archive", "adopt", "--yes")
    assert done.exit_code == 0
    assert "nothing of any brand and no marker" in " ".join(done.stderr.split())
    known = known_id(elsewhere.queue.client)
    assert known != before
    assert known in (tmp_path / "beneath" / MARKER).read_text()
    assert "archive adopt" in invoke("audit").stdout
    again = invoke("archive", "adopt")
    assert (again.exit_code, "knows already" in again.stderr) == (0, True)
    assert invoke("archive", "list").stderr.count("Warning") == 0


def test_place_with_a_marker_is_adopted_as_it_is(invoke: Invoke, elsewhere: Archived, tmp_path: Path) -> None:
    """An archive that another Redis had."""
    (tmp_path / "beneath" / MARKER).write_text(f'{{"archive":"{OTHER}"}}')
    done = invoke("archive", "adopt", "--yes")
    assert (done.exit_code, known_id(elsewhere.queue.client)) == (0, OTHER)
    assert f"the marker {OTHER}" in " ".join(done.stderr.split())


def test_show_shows_commits_and_chunks(invoke: Invoke, archived: Archived) -> None:
    """The newest first; a chunk's commits; what was pushed on request alone."""
    name, records = archived.queue.name, archived.records
    table = invoke("archive", "show", name)
    assert table.exit_code == 0, table.output
    assert [table.stdout.index(record.cid) for record in records[::-1]] == sorted(
        table.stdout.index(record.cid) for record in records
    )
    assert "2 folded, 1 duplicate, 1 dead letter" in table.stdout or "1 dead letter, 2 folded" in table.stdout
    lines = invoke("archive", "show", name, "--chunk", "c1", "--json").stdout.splitlines()
    told = list(map(json.loads, lines))
    assert [one["commit"] for one in told if "commit" in one] == [records[2].cid, records[0].cid]
    assert [one["fate"] for one in told if "fate" in one] == ["duplicate", "folded"]
    assert "payload" not in lines[1]
    whole = invoke("archive", "show", name, "--cid", records[0].cid, "--json", "--payloads").stdout.splitlines()
    assert [json.loads(line)["payload"].encode() for line in whole[1:]] == [item.payload for item in records[0].items]
    assert "c3" in invoke("archive", "show", name, "--cid", records[1].cid, "--items").stdout
    early = invoke("archive", "show", name, "--at", "2001-01-01T00:00:00Z")
    assert (early.exit_code, "no such commit" in early.stderr) == (1, True)
    assert records[2].cid in invoke("archive", "show", name, "--at", "0s", "-n", "1").stdout


def test_state_is_what_the_archive_makes_of_it(invoke: Invoke, archived: Archived) -> None:
    """From the first commit, from a base, and through bases."""
    for arguments in ((), ("--oldest",)):
        same = invoke("state", "verify", archived.queue.name, *arguments)
        assert (same.exit_code, same.stdout) == (0, ""), same.output
        assert "the same, byte for byte, the summary too: 3 commits" in same.stderr
    base = archived.base()
    archived.visit("c6")
    told = json.loads(invoke("state", "verify", archived.queue.name, "--json").stdout)
    assert (told["same"], told["base"], told["records"], told["summary"]) == (True, base, 1, True)
    told = json.loads(invoke("state", "verify", archived.queue.name, "--oldest", "--json").stdout)
    assert (told["same"], told["base"], told["records"]) == (True, "", 4)
    assert (told["since"], told["until"]) == ("", "")


def test_summary_that_is_another_one_is_told(invoke: Invoke, archived: Archived) -> None:
    """The state is the same: somebody else wrote what readers see."""
    archived.queue.client.set(archived.queue.keys.summary, "{}")
    result = invoke("state", "verify", archived.queue.name)
    assert (result.exit_code, "summary that readers see is another one" in result.stderr) == (1, True), result.output
    told = json.loads(invoke("state", "verify", archived.queue.name, "--json").stdout)
    assert (told["same"], told["summary"], told["differences"]) == (False, False, [])
    archived.queue.client.delete(archived.queue.keys.summary)  # as after its time to live: none is no other one
    told = json.loads(invoke("state", "verify", archived.queue.name, "--json").stdout)
    assert (told["same"], told["summary"]) == (True, None)


def test_way_that_ends_elsewhere_is_none(archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two states of one commit are compared, or none."""
    monkeypatch.setattr(Way, "records", property(lambda way: [record for record, _ in way.placed][:-1]))
    with pytest.raises(ArchiveError, match=f"ends at '{archived.records[1].cid}'"):
        verifying.verify_state(archived.queue.client, Settings(), archived.archive)


def rewritten(archived: Archived, place: int, change: Callable[[Record], Record]) -> None:
    """Have another record in the archive than was folded."""
    record = archived.records[place]
    archived.archive.put([change(record)])


def test_first_chunk_at_which_they_part_is_told(invoke: Invoke, archived: Archived) -> None:
    """The archive has a chunk as folded that was refused, and so on."""

    def refused(record: Record) -> Record:
        return replace(record, items=[Item(item.payload, Fate.DUPLICATE) for item in record.items])

    rewritten(archived, 1, refused)
    result = invoke("state", "verify", archived.queue.name)
    assert result.exit_code == 1
    assert (
        f"part at commit {archived.records[1].cid}, item 0: the record says duplicate, here it is folded"
        in result.stderr
    )


def test_partings_are_bounded(archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are told."""
    monkeypatch.setattr(verifying, "MAX_PARTINGS", 1)
    for place in (0, 1):
        rewritten(
            archived, place, lambda one: replace(one, items=[Item(item.payload, Fate.CONFLICT) for item in one.items])
        )
    found = verifying.verify_state(archived.queue.client, Settings(), archived.archive)
    assert [one.cid for one in found.partings] == [archived.records[0].cid]


def test_where_only_states_differ_the_bases_between_tell(invoke: Invoke, archived: Archived) -> None:
    """A payload that was folded with other numbers: between the bases around it."""
    first = archived.base()
    archived.visit("c6")
    archived.visit("c7")
    second = archived.base()
    archived.visit("c8")
    archived.base()  # differs as well
    archived.visit("c9")
    payload = archived.queue.item("c6", sentiment={"positive": 99, "neutral": 0, "negative": 0, "score": 4})
    rewritten(archived, 3, lambda record: replace(record, items=[Item(payload)]))
    assert invoke("state", "verify", archived.queue.name).exit_code == 0
    told = json.loads(invoke("state", "verify", archived.queue.name, "--oldest", "--json").stdout)
    assert (told["partings"], told["since"], told["until"]) == ([], first, second)
    assert any(one["where"].startswith("sentiment") for one in told["differences"])
    shown = invoke("state", "verify", archived.queue.name, "--oldest")
    assert f"behind commit {first}, at {second} at the latest" in shown.stderr


def test_what_nobody_committed_differs_since_the_last_base_before(archived: Archived) -> None:
    """A base of the live commit itself says nothing of where; it is not where that began."""
    queue, base = archived.queue, archived.base()
    archived.visit("c6")
    queue.client.hset(queue.keys.trend, "x", "1")
    last, _ = live_commit(queue.client, queue.name)
    found = verifying.verify_state(queue.client, Settings(), archived.archive)
    assert (found.since, found.until, found.differences[-1].where) == (base, last, "trend x")
    queue.client.hdel(queue.keys.trend, "x")
    assert archived.base() == last
    queue.client.hset(queue.keys.trend, "x", "1")
    found = verifying.verify_state(queue.client, Settings(), archived.archive, oldest=True)
    assert (found.since, found.until, found.differences[-1].where) == (base, last, "trend x")


def test_days_that_only_a_base_has_any_more_go_along(archived: Archived) -> None:
    """Readers see them for a year; no record tells of them where the archive begins later."""
    archived.queue.client.hset(archived.queue.keys.trend, "day:2020-01-01", "{}")
    archived.base()
    archived.visit("c6")
    assert verifying.verify_state(archived.queue.client, Settings(), archived.archive).same


def test_state_that_was_put_in_place_begins_at_its_base(invoke: Invoke, archived: Archived) -> None:
    """A refold does not go through it; without its base nothing can be said."""
    rewritten(archived, 1, lambda record: replace(record, replaces=True, items=[]))
    refused = invoke("state", "verify", archived.queue.name)
    assert (refused.exit_code, "of which there is no base" in refused.stderr) == (1, True)
    (told,) = json.loads(invoke("archive", "verify", archived.queue.name, "--json").stdout)
    assert [each["kind"] for each in told["findings"]] == ["no base"]


def test_state_that_was_put_in_place_last_is_its_base(invoke: Invoke, archived: Archived, tmp_path: Path) -> None:
    """Nothing was folded since; whether its record waits in Redis or is archived."""
    queue, file = archived.queue, str(tmp_path / "state")
    assert invoke("state", "export", queue.name, "-o", file).exit_code == 0
    (over, _) = live_commit(queue.client, queue.name)
    assert invoke("state", "import", queue.name, file, "--over", over).exit_code == 0
    cid, _ = live_commit(queue.client, queue.name)
    waiting = verifying.verify_state(queue.client, Settings(), archived.archive)
    assert (waiting.same, waiting.cid, waiting.waiting) == (True, cid, 1), waiting.differences
    archived.archive.put(waiting_records(queue.client, queue.name))
    queue.client.delete(queue.keys.records)
    for oldest, records in ((True, 4), (False, 0)):
        found = verifying.verify_state(queue.client, Settings(), archived.archive, oldest=oldest)
        assert (found.same, found.waiting, found.records) == (True, 0, records)


def test_key_of_mention_ids_is_that_of_the_live_state(archived: Archived) -> None:
    """From nothing there is no other one, and with another one each story's fields would differ."""
    queue = archived.queue
    queue.push(queue.item("m1", clusters=[{"id": "s", "label": "door recall", "mentions": ["a", "b"]}]))
    archived.visit("c6")
    items: list[int] = []
    found = verifying.verify_state(queue.client, Settings(), archived.archive, told=items.append)
    assert (found.same, found.base) == (True, "")
    assert (sum(items), len(items)) == (found.items, found.records), "each record is told as it is folded"


@pytest.mark.parametrize("gone", [verifying._ATTEMPTS - 1, verifying._ATTEMPTS])
def test_archive_whose_objects_always_go_is_given_up(
    archived: Archived, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    """After as many looks as are said; before that it is looked at anew."""
    left, get = [None] * gone, Objects.get

    def going(objects: Objects, name: str) -> bytes:
        if left:
            left.pop()
            raise ObjectMissingError(name)
        return get(objects, name)

    monkeypatch.setattr(Objects, "get", going)
    if gone < verifying._ATTEMPTS:
        assert verifying.verify_state(archived.queue.client, Settings(), archived.archive).same
    else:
        with pytest.raises(ObjectMissingError):
            verifying.verify_state(archived.queue.client, Settings(), archived.archive)


@pytest.mark.parametrize(("name", "value"), [("version", "many"), ("cid", b"\xff")])
def test_damaged_meta_is_told(archived: Archived, name: str, value: str | bytes) -> None:
    """With what tells more of it."""
    archived.queue.client.hset(archived.queue.keys.meta, name, value)
    with pytest.raises(ArchiveError, match="its meta is damaged; `orchestrator repair` tells"):
        live_commit(archived.queue.client, archived.queue.name)


def test_base_of_the_last_commit_is_compared(archived: Archived) -> None:
    """Nothing is folded, and what differs is told all the same: as of that commit, since no base before is the same."""
    snapshot = take_snapshot(archived.queue.client, Settings(), archived.queue.name)
    archived.archive.put_base(replace(snapshot, trend={}))
    found = verifying.verify_state(archived.queue.client, Settings(), archived.archive)
    assert (found.same, found.records, found.until) == (False, 0, snapshot.cid)
    assert found.differences[0].where.startswith("trend")


def test_summary_is_of_the_same_moment(archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit between the two looks: both are looked at again."""
    look, looks = take_snapshot, []

    def interrupted(*args: Any) -> Any:
        snapshot = look(*args)
        looks.append(snapshot.cid)
        if len(looks) == 1:
            archived.visit("c9")
        return snapshot

    monkeypatch.setattr(verifying, "take_snapshot", interrupted)
    found = verifying.verify_state(archived.queue.client, Settings(), archived.archive)
    assert (found.same, found.summary, len(set(looks))) == (True, True, 2)


def test_commit_that_comes_just_before_the_look_is_found(archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits in Redis, which is asked for what waits after it was asked for the state."""
    queue, look = archived.queue, take_snapshot
    queue.store = Store(queue.client, StoreOptions(archive_bytes=1 << 20))

    def late(*args: Any) -> Any:
        queue.push_ids("c9")
        queue.visit()
        return look(*args)

    monkeypatch.setattr(verifying, "take_snapshot", late)
    found = verifying.verify_state(queue.client, Settings(), archived.archive)
    assert (found.same, found.waiting) == (True, 1)


@pytest.mark.parametrize("arguments", [("archive", "verify"), ("state", "verify")])
def test_object_that_is_moved_meanwhile_is_looked_for_anew(
    invoke: Invoke, archived: Archived, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str]
) -> None:
    """Compaction puts small ones together between the listing and the look."""
    get = Objects.get
    moved: list[str] = []

    def compacting(objects: Objects, name: str, *more: int) -> bytes:
        if not moved:
            small = [path.relative_to(archived.folder).as_posix() for path in files(archived, ".ndjson.gz")]
            moved.extend(archived.archive.put(archived.records))
            objects.remove(small)
        return get(objects, name, *more)

    monkeypatch.setattr(Objects, "get", compacting)
    result = invoke(*arguments, archived.queue.name)
    assert (result.exit_code, len(files(archived, ".ndjson.gz"))) == (0, 1), result.output


def test_no_archive_is_a_sentence(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None is set, it is not there, or nothing was archived of the brand."""
    unset: list[Any] = [invoke("archive", "list"), invoke("archive", "show", "x"), invoke("state", "verify", "x")]
    assert all((one.exit_code, "ARCHIVE_URL is not set" in one.stderr) == (1, True) for one in unset)
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/nowhere")
    assert "there is no folder" in invoke("archive", "list").stderr
    assert invoke("archive", "verify").exit_code == 2
    assert invoke("archive", "verify", "x", "--all").exit_code == 2
    (tmp_path / "nowhere").mkdir()
    assert "There is nothing in file://" in invoke("archive", "list").stderr
    assert "no state" in invoke("state", "verify", "never seen").stderr


def test_purge_takes_the_archive_along(invoke: Invoke, archived: Archived) -> None:
    """It is told before, done, written down, and nothing is left; a dry run does nothing."""
    name, client = archived.queue.name, archived.queue.client
    archived.base()
    dry = invoke("brands", "remove", "--purge", name, "--dry-run")
    assert "of the archive 4 objects of" in dry.stderr
    assert len(files(archived, "")) == 4
    done = invoke("brands", "remove", "--purge", name, "--yes", "--queue", "--failed")
    assert done.exit_code == 0, done.output
    assert "4 objects of the archive gone" in done.stdout
    assert files(archived, "") == []
    assert read_audit(client, 1)[0].details["keep_archive"] is False
    again = invoke("brands", "remove", "--purge", name, "--yes")
    assert (again.exit_code, "nothing was done: neither registered nor is anything kept of" in again.stderr) == (
        1,
        True,
    )


def test_purge_may_spare_the_archive(invoke: Invoke, archived: Archived) -> None:
    """Where that is asked for, and it is told and written down; the archive alone is purged later."""
    name = archived.queue.name
    kept = invoke("brands", "remove", "--purge", name, "--yes", "--keep-archive", "--queue", "--failed")
    assert kept.exit_code == 0, kept.output
    assert "what the archive has of it stays, as asked for" in kept.stderr
    assert len(files(archived, "")) == 3
    assert read_audit(archived.queue.client, 1)[0].details["keep_archive"] is True
    assert "3 objects of the archive gone" in invoke("brands", "remove", "--purge", name, "--yes").stdout
    assert invoke("brands", "remove", name, "--keep-archive").exit_code == 2


def test_purge_says_what_remains_where_the_archive_is_away(invoke: Invoke, archived: Archived) -> None:
    """Redis is purged, the exit code says that it is not all, and the same again does the rest."""
    name, gone = archived.queue.name, archived.folder.with_name("gone")
    archived.folder.rename(gone)
    done = invoke("brands", "remove", "--purge", name, "--yes")
    assert done.exit_code == 1
    assert "nobody knows what there is" in done.stderr
    assert "what the archive has of it is NOT gone" in done.stderr
    assert "then again: orchestrator brands remove --purge" in done.stderr
    assert live_commit(archived.queue.client, name)[0] == ""
    gone.rename(archived.folder)
    assert "3 objects of the archive gone" in invoke("brands", "remove", "--purge", name, "--yes").stdout
