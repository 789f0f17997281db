"""Measures what every public method of SQLAlchemy's sessions, connections, engines and results does to a pool."""
