"""What the analysis works on: the project and its scopes, abstract values, holder states, frames and summaries."""
