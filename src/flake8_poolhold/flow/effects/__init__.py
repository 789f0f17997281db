"""What happens to holders: checkouts, releases, waits that meet them, lifetimes, escapes."""
