"""A policy per service for the object store, from ``proto/accounts.json``.

In the words of AWS, which MinIO takes as they are, and SeaweedFS (4.48) in its configuration of identities.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.chassis.accounts import accounts

ACTIONS = {
    "get": ["s3:GetObject"],
    # An upload in parts that fails is taken back.
    "put": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
    "delete": ["s3:DeleteObject"],
}
EVERY = "*"
OPERATOR = "operator"
"""The account of commands. It may also make the bucket, should there be none."""


@dataclass(frozen=True, slots=True)
class Key:
    """The two halves of an S3 account."""

    access: str
    secret: str


def policy_of(service: str, bucket: str) -> dict[str, Any]:
    """Return what the service may do in ``bucket``; all else is forbidden."""
    whole = f"arn:aws:s3:::{bucket}"
    # Who may not list is told "forbidden" where an object is absent, and could not tell the two apart.
    on_bucket = ["s3:ListBucket", *(["s3:CreateBucket"] if service == OPERATOR else [])]
    statements = [{"Effect": "Allow", "Action": on_bucket, "Resource": [whole]}]
    for verb, prefixes in accounts()["s3"][service].items():
        if prefixes:
            resources = [f"{whole}/{prefix}*" for prefix in prefixes]
            statements.append({"Effect": "Allow", "Action": ACTIONS[verb], "Resource": resources})
    return {"Version": "2012-10-17", "Statement": statements}


def seaweedfs_identities(bucket: str, keys: Mapping[str, Key], *, operator_bucket: str = "") -> dict[str, Any]:
    """Return SeaweedFS's configuration (``-s3.config``) with an identity for each service of ``keys``.

    ``operator_bucket``: where the operator's identity is for another bucket, or for :data:`EVERY`.
    """
    of_operator = operator_bucket or bucket
    return {
        "identities": [
            {
                "name": service,
                "credentials": [{"accessKey": key.access, "secretKey": key.secret}],
                "policyNames": [service],
            }
            for service, key in keys.items()
        ],
        "policies": [
            {"name": service, "content": json.dumps(policy_of(service, of_operator if service == OPERATOR else bucket))}
            for service in keys
        ],
    }
