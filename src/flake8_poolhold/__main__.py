"""`python -m flake8_poolhold` runs the command line."""

from flake8_poolhold.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
