"""Imports the yolov5 package without its side effects.

Left alone, that import appends the package's folder to ``sys.path`` (so that ``models`` and ``utils`` become importable
by bare name), sets environment variables, writes settings and font caches below HOME, installs log handlers, and may
ask the network for updates. Here it does none of that for longer than the import.
"""

import logging
import os
import sys
import tempfile
import threading
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

_lock = threading.Lock()

_QUIET = {
    "YOLO_OFFLINE": "true",
    "YOLO_VERBOSE": "false",
    "YOLO_AUTOINSTALL": "false",
    "YOLOv5_VERBOSE": "false",
    "YOLOv5_AUTOINSTALL": "false",
}


def yolov5_module(name: str) -> ModuleType:
    """Return a module of the package, e.g. ``yolov5.models.yolo``; ``sys.path`` and environment stay as they were."""
    with _lock:
        loaded = sys.modules.get(name)
        if loaded is not None:
            return loaded
        path, environment = list(sys.path), dict(os.environ)
        with tempfile.TemporaryDirectory(prefix="krabbel-yolov5-") as folder:
            os.environ.update(_QUIET, YOLO_CONFIG_DIR=folder, MPLCONFIGDIR=str(Path(folder, "matplotlib")))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    module = import_module(name)
            finally:
                sys.path[:] = path
                os.environ.clear()
                os.environ.update(environment)
        for noisy in ("yolov5", "ultralytics"):
            logger = logging.getLogger(noisy)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.ERROR)
        return module
