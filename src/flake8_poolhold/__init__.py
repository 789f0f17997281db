"""Find and repair database-pool abuse in async Python services."""

__version__ = "0.1.0"
