"""A simulated exchange as a plugin of arb; the simulator itself is `arb.simulation`."""

__all__: list[str] = []
