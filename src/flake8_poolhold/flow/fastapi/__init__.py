"""What FastAPI adds: dependencies and the state in which a handler starts, versions."""
