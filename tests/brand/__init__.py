"""Tests of the brand rules."""
