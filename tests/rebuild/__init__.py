"""Rebuilds: units of work, what runs them, what is put in place."""
