"""Puts the training program into a bucket, as the source distribution that the training services install."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

FOLDER = Path(__file__).parent


def source_distribution() -> bytes:
    """Pack `train.py` and its `setup.py`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("setup.py", "train.py"):
            archive.add(FOLDER / name, f"trainer-1.0/{name}")
    return packed.getvalue()


def upload(*, bucket: str, files: dict[str, bytes]) -> None:
    """Write objects to a bucket, which is created if need be."""
    from airflow.providers.google.cloud.hooks.gcs import GCSHook

    hook = GCSHook()
    client = hook.get_conn()
    if client.lookup_bucket(bucket) is None:
        client.create_bucket(bucket)
    for name, content in files.items():
        hook.upload(bucket, name, data=content)
