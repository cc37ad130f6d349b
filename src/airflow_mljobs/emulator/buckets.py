"""What the Cloud Storage API says of buckets and objects that are folders and files."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import google_crc32c
from starlette.responses import JSONResponse, Response

from airflow_mljobs.emulator.gcs import BUCKET_NAME, inside


class StorageError(Exception):
    """What the service refuses, in its own form."""

    REASONS: ClassVar = {400: "invalid", 404: "notFound", 409: "conflict", 412: "conditionNotMet"}

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def response(self) -> Response:
        """Return the service's error envelope."""
        message = str(self)
        detail = {"message": message, "domain": "global", "reason": self.REASONS[self.status]}
        error = {"code": self.status, "message": message, "errors": [detail]}
        return JSONResponse({"error": error}, self.status)


class Bucket:
    """A folder that serves as a bucket, which must exist."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.folder = root / name
        if not BUCKET_NAME.fullmatch(name) or not self.folder.is_dir():
            raise StorageError(404, "The specified bucket does not exist.")

    def path(self, name: str) -> Path:
        """Return where an object of this name would lie."""
        try:
            path = inside(self.folder, name)
        except ValueError as error:
            raise StorageError(400, str(error)) from error
        if not name or path.relative_to(self.folder.resolve()).as_posix() != name:
            raise StorageError(400, f"Objects are files here, and {name!r} is no clean relative path.")
        return path

    def existing(self, name: str) -> Path:
        """Return where the object lies."""
        path = self.path(name)
        if not path.is_file():
            raise StorageError(404, f"No such object: {self.name}/{name}")
        return path

    def names(self, prefix: str) -> list[str]:
        """Return the names of the objects, in the order of the service."""
        files = (Path(at) / file for at, _, found in os.walk(self.folder) for file in found)
        # A link, which only a job can have left, may lead anywhere: it is no object.
        names = (path.relative_to(self.folder).as_posix() for path in files if not path.is_symlink())
        return sorted(name for name in names if name.startswith(prefix))

    def delete(self) -> None:
        """Remove the bucket with the empty folders in it."""
        shutil.rmtree(self.folder)

    def metadata(self, *, base_url: str) -> dict[str, Any]:
        """Return the bucket as the API's resource."""
        created = _timestamp(self.folder.stat().st_ctime)
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "name": self.name,
            "selfLink": f"{base_url}storage/v1/b/{self.name}",
            "location": "US",
            "storageClass": "STANDARD",
            "timeCreated": created,
            "updated": created,
        }

    def object_metadata(self, name: str, *, base_url: str) -> dict[str, Any]:
        """Return an object as the API's resource."""
        path = self.existing(name)
        status = path.stat()
        link = f"storage/v1/b/{self.name}/o/{quote(name, safe='')}"
        changed = _timestamp(status.st_mtime)
        return {
            "kind": "storage#object",
            "id": f"{self.name}/{name}/{_generation(path)}",
            "name": name,
            "bucket": self.name,
            "selfLink": f"{base_url}{link}",
            "mediaLink": f"{base_url}download/{link}?alt=media",
            "generation": _generation(path),
            "metageneration": "1",
            "contentType": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "storageClass": "STANDARD",
            "size": str(status.st_size),
            "timeCreated": changed,
            "updated": changed,
            **checksums(path),
        }

    def write(self, name: str, source: Path, *, conditions: Mapping[str, str]) -> None:
        """Make the source file the object, at once and whole."""
        path = self.path(name)
        self.check(name, conditions)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            source.replace(path)
        except OSError as error:
            # A file cannot be a folder too, while "a" and "a/b" may both be objects in the service.
            raise StorageError(400, f"Objects are files here, and {name!r} cannot be one: {error}") from error

    def check(self, name: str, conditions: Mapping[str, str]) -> None:
        """Hold the request's precondition on the generation; 0 means that the object must not exist."""
        wanted = conditions.get("ifGenerationMatch")
        path = self.path(name)
        if wanted is not None and wanted != (_generation(path) if path.is_file() else "0"):
            raise StorageError(412, "At least one of the pre-conditions you specified did not hold.")


def _generation(path: Path) -> str:
    return str(path.stat().st_mtime_ns // 1000)


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def checksums(path: Path) -> dict[str, str]:
    """Return what the client compares a download with."""
    md5, crc32c = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            md5.update(chunk)
            crc32c = google_crc32c.extend(crc32c, chunk)
    return {
        "md5Hash": base64.b64encode(md5.digest()).decode(),
        "crc32c": base64.b64encode(crc32c.to_bytes(4, "big")).decode(),
    }
