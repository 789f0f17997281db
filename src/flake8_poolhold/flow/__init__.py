"""Facts of many modules -> names resolved, dependencies solved, summaries, holder states, holds."""
