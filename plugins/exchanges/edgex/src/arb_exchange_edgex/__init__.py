"""The exchange `edgex` for arb."""
