"""Tests of logs, metrics, masking and their neighbours."""
