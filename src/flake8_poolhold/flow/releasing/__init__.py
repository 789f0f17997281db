"""Whether a connection can be given back before a wait, and what speaks against it."""
