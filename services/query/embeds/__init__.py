"""Parts of the dashboard for articles: pages without login, one JSON document, and one small stream for everybody.

They know what anyone may know: counts, classes, the latest picture with its credit line. Never a key, never a place.
"""
