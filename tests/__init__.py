"""Tests of the orchestrator; the tree mirrors the package."""
