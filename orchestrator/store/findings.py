"""What a check of Redis or of this machine found, and how bad that is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: what was looked at.
        verdict: whether the service should start.
        detail: what was found.
        remedy: what to do about it; empty if nothing.
    """

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def worst(findings: Sequence[Finding]) -> Verdict:
    """The gravest verdict among *findings*."""
    return max((finding.verdict for finding in findings), key=list(Verdict).index, default=Verdict.OK)
