"""Backups in a folder: documents of one moment, and each object once.

DIR/objects/<key>                  the pictures and model files, under their keys
DIR/backups/<moment>/<name>.bson.gz the documents of each collection
DIR/backups/<moment>/manifest.json  written last: a backup without it was broken off, and is none
"""
