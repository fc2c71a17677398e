"""The exchange `aster` for arb."""
