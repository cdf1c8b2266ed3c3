"""Exports: tracking runs as files that other programs read, streamed with constant memory.

One module a format, each a plain function from a run to its rows, and a thin writer around it. This package knows no
HTTP: ``services/query/routes_exports.py`` offers what :mod:`services.query.exports.registry` lists.
"""
