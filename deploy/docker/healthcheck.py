"""Exit 0 when the service in this container answers; no shell, no curl and no packages needed."""

import os
import sys
import urllib.request

PATH = os.environ.get("KRABBEL_HEALTH_PATH", "/healthz")
URL = f"http://127.0.0.1:{os.environ.get('KRABBEL_PORT', '8080')}{PATH}"

if __name__ == "__main__":
    try:
        with urllib.request.urlopen(URL, timeout=4) as answer:
            healthy = answer.status == 200
    except OSError as error:
        print(f"{URL}: {error}")
        healthy = False
    sys.exit(0 if healthy else 1)
