"""The layout of a cluster on one server: what is the same there, and what is shown to readers after the commit."""
