"""What a process needs whatever it does: logs, metrics, masking, memory, failpoints, backoff.

Imports errors only, never another folder.
"""
