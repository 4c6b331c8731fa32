"""Measurements of the product: how right, and how fast."""
