"""The running service: its parts put together, the view that HTTP has of it, the feed of updates.

The top of the house: imports every other folder but the command line.
"""
