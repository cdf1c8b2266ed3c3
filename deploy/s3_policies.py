"""Write ``deploy/s3/<service>.json``, the policies of ``proto/accounts.json``: ``python -m deploy.s3_policies``.

Compose gives them to its object store. For a store elsewhere put your bucket's name in place of BUCKET, and give each
of four accounts its policy.
"""

import json
from pathlib import Path

from services.chassis.accounts import accounts
from services.chassis.s3_policy import policy_of

FOLDER = Path(__file__).parent / "s3"


def text_of(service: str) -> str:
    """Return the file's text."""
    return json.dumps(policy_of(service, "BUCKET"), indent=2) + "\n"


if __name__ == "__main__":
    for name in accounts()["s3"]:
        (FOLDER / f"{name}.json").write_text(text_of(name))
