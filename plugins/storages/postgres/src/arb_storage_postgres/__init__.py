"""Storage of arb in a PostgreSQL database."""
