"""The abstract interpreter: statements, expressions, calls, blocks, closures, summaries."""
