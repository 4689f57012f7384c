"""The settings: what can be set, and where the values come from.

Face: the settings and how they are found. Imports ``errors``, ``process.masking``, ``process.secret_files``, and two
facts that must not be written down twice: the standard registry keys (``contract.keys``) and the form of a webhook's
secret (``alerts.signing``).
"""

from __future__ import annotations

from orchestrator.settings.load import ALIASES, LoadedSettings, allowed, load_settings
from orchestrator.settings.settings import Settings

__all__ = ["ALIASES", "LoadedSettings", "Settings", "allowed", "load_settings"]
