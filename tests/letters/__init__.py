"""Tests of :mod:`orchestrator.letters`."""
