"""Where async code blocks its event loop: the entries that are reported, and what other linters say of them."""
