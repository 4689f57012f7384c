"""The picture of all processes and brands."""
