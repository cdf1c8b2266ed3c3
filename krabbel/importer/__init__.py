"""Takes over what was recorded before: the predecessor's data folder, and sessions of the insect-detect software.

``predecessor.py`` and ``insect_detect.py`` find runs in folders, ``taking.py`` lets each through the acceptance of
uploads (services/ingest) into the stores, ``labels.py`` keeps what was said of them, ``report.py`` tells
what came of it.
"""
