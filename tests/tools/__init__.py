"""The tools of maintainers."""
