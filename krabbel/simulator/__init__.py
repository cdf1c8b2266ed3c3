"""Simulated cameras: drawn insects, and traps that upload them."""
