"""Types on the wire, their decoding and the key names; imports nothing of the project but ``errors``."""
