"""Storage of arb in one SQLite file."""
