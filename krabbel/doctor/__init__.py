"""Checks of a running or a planned system; each says what it found and what to do."""
