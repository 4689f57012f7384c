"""The reduce step of a brand-monitoring pipeline: chunk results in Redis become one live summary per brand."""

from __future__ import annotations

__version__ = "0.1.0"
