"""Objects that a commit or rollback has expired, and where they are read all the same."""
