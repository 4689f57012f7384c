"""Tests of what the store does on a cluster."""
