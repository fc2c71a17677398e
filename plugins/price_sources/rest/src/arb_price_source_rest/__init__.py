"""Reads order books through each exchange's own REST client."""
