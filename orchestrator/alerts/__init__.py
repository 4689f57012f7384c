"""Tells an endpoint of spike episodes: the message, its signature, its delivery. Imports contract and process."""
