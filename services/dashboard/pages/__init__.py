"""One module per page, and the registry that lists them.

A new page is: a module here with its ``PAGE``, one line in :mod:`registry`, a template ``templates/<name>.html`` that
extends ``frame.html``, a first script ``static/js/<name>/main.js``, texts ``texts/<language>/<name>.toml``, and a style
sheet if it needs one. Pages are plain documents whose scripts ask ``/ui/api/...``; only "now", which is live, has a
session.
"""
