"""The settings: what there is to set, and where values come from. Imports errors and process only."""

from orchestrator.settings.settings import Settings

__all__ = ["Settings"]
