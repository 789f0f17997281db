"""Repairs of what is no hold, sessions that leak or are shared and settings, and what speaks against each."""
