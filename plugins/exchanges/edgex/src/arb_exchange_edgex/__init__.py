"""EdgeX perpetual futures (V2) for arb."""
