"""How much of which brands is in an archive, by names and sizes alone.

One folder after the other, and of each some numbers: memory does not grow with what there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Final
from urllib.parse import unquote

from orchestrator.archive.record import MAX_HEAD_BYTES, folder_of, lines_of
from orchestrator.archive.snapshot import decode as decode_snapshot
from orchestrator.errors import ArchiveError, ArchiveUnavailableError
from orchestrator.objects.names import NDJSON, REBUILT, ObjectRef, base_ref, object_ref
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import oddity

BRAND: Final = "brand="


@dataclass(slots=True)
class Survey:
    """What is in a folder.

    Attributes:
        name: of the brand, or of the day; of a brand that nobody can tell, the folder.
        days: with objects of records.
        objects: of records.
        bytes: of objects and bases.
        bases: that are there.
        strange: files that are none of an archive's.
        first: the object with the lowest epoch and version.
        last: the one with the highest.
        folder: of the brand.
    """

    name: str
    days: int = 0
    objects: int = 0
    bytes: int = 0
    bases: int = 0
    strange: int = 0
    first: ObjectRef | None = None
    last: ObjectRef | None = None
    folder: str = ""

    @property
    def nameless(self) -> bool:
        """Whether nobody can tell whose it is."""
        return self.name == self.folder

    def add(self, ref: ObjectRef) -> None:
        """Count an object of records."""
        self.objects += 1
        self.bytes += ref.size
        self.first = min(self.first or ref, ref, key=_place)
        self.last = max(self.last or ref, ref, key=_place)


def survey_brands(objects: Objects) -> Iterator[Survey]:
    """Each brand of an archive, by the order of its folder.

    Raises:
        ArchiveUnavailableError: no answer.
        ArchiveError: refused, or there is no such archive.
    """
    for folder in objects.folders():
        if folder.startswith(BRAND) and not oddity(folder):
            yield _survey(objects, folder)


def brands_of(objects: Objects) -> list[str]:
    """The brands of an archive, but for those of which nobody can tell whose they are; raises as :func:`survey_brands`.

    A folder tells its brand's name, unless it is long: only of such ones objects are looked at.
    """
    folders = [folder for folder in objects.folders() if folder.startswith(BRAND) and not oddity(folder)]
    found = (_told_by(folder) or _survey(objects, folder).name for folder in folders)
    return [name for name, folder in zip(found, folders, strict=True) if name != folder]


def survey_days(objects: Objects, brand: str) -> list[Survey]:
    """Each day of *brand*, oldest first; raises as :func:`survey_brands`."""
    found: dict[str, Survey] = {}
    for entry in objects.list(folder_of(brand)):
        if ref := object_ref(entry):
            found.setdefault(ref.day, Survey(ref.day, days=1)).add(ref)
    return list(found.values())


def survey_brand(objects: Objects, brand: str) -> Survey:
    """What there is of *brand*; raises as :func:`survey_brands`."""
    found = _survey(objects, folder_of(brand))
    found.name = brand
    return found


def _survey(objects: Objects, folder: str) -> Survey:
    found = Survey(folder, folder=folder)
    day, base = "", ""
    for entry in objects.list(folder):
        if ref := object_ref(entry):
            found.days += ref.day != day
            day = ref.day
            found.add(ref)
        elif base_ref(entry):
            found.bases += 1
            found.bytes += entry.size
            base = base or entry.name
        elif not entry.name.startswith(f"{folder}/{REBUILT}/"):
            found.strange += 1
    found.name = _brand_of(objects, folder, found.first, base)
    return found


def _brand_of(objects: Objects, folder: str, ref: ObjectRef | None, base: str) -> str:
    """The brand whose folder it is: a long name is not in it whole, but in what lies there."""
    if brand := _told_by(folder):
        return brand
    try:
        if base:
            brand = decode_snapshot(objects.get(base)).brand
        elif ref is not None and ref.form == NDJSON:
            head = next(lines_of(objects.get(ref.name)), b"")
            brand = str(json.loads(head)["brand"]) if len(head) <= MAX_HEAD_BYTES else ""
        elif ref is not None:
            # Only where there is one: pyarrow takes a second to import.
            brand = import_module("orchestrator.objects.parquet").brand_of(objects.get(ref.name))
    except ArchiveUnavailableError:  # that it is away now says nothing of whose it is
        raise
    except (ArchiveError, ValueError, KeyError, TypeError, RecursionError):
        return folder
    return brand if _is_of(brand, folder) else folder


def _told_by(folder: str) -> str:
    """The brand whose name *folder* tells; empty: it is not in it whole."""
    brand = unquote(folder.removeprefix(BRAND))
    return brand if _is_of(brand, folder) else ""


def _is_of(brand: str, folder: str) -> bool:
    try:
        return folder_of(brand) == folder
    except UnicodeEncodeError:
        return False


def _place(ref: ObjectRef) -> tuple[int, int]:
    return ref.epoch, ref.version
