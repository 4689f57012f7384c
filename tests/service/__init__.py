"""Tests of the running service's parts."""
