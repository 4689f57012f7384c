"""Tests of the packages for workers in other languages."""
