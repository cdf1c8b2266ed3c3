"""Alerts to people: what is worth telling (findings), in which words (texts), how (channels), once (keeper)."""
