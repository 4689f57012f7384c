"""What maintainers run: the lock and the bill of materials."""
