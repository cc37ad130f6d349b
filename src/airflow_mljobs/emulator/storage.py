"""As much of the Cloud Storage JSON API as its official client needs, over a folder.

A job and the client see the same files. What a file cannot hold is not kept: content types (guessed from the
name), custom metadata, older generations, and names that are no clean relative path. See
https://cloud.google.com/storage/docs/json_api/v1 and, for the three forms of an upload,
https://cloud.google.com/storage/docs/uploads-downloads.
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
import tempfile
from collections.abc import Awaitable, Callable
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from airflow_mljobs.emulator.buckets import Bucket, StorageError, checksums
from airflow_mljobs.emulator.gcs import BUCKET_NAME, local_path

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["local_path", "storage_routes"]

PAGE_SIZE = 1000
CONTENT_RANGE = re.compile(r"bytes (?:\*|(?P<first>\d+)-\d+)/(?:\*|(?P<total>\d+))")


def storage_routes(root: Path) -> list[BaseRoute]:
    """Return the API's routes, for `STORAGE_EMULATOR_HOST=http://localhost:<port>`."""
    api = _Api(root.resolve())
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/storage/v1/b", api.list_buckets),
        ("POST", "/storage/v1/b", api.create_bucket),
        ("GET", "/storage/v1/b/{bucket}", api.get_bucket),
        ("DELETE", "/storage/v1/b/{bucket}", api.delete_bucket),
        ("GET", "/storage/v1/b/{bucket}/o", api.list_objects),
        ("GET", "/storage/v1/b/{bucket}/o/{name:path}", api.get_object),
        ("DELETE", "/storage/v1/b/{bucket}/o/{name:path}", api.delete_object),
        ("GET", "/download/storage/v1/b/{bucket}/o/{name:path}", api.download),
        ("POST", "/upload/storage/v1/b/{bucket}/o", api.upload),
        ("PUT", "/upload/storage/v1/b/{bucket}/o", api.resume),
    ]
    return [Route(path, _in_envelope(handler), methods=[method]) for method, path, handler in table]


def _in_envelope(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    @functools.wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except StorageError as error:
            return error.response()

    return answer


class _Api:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._uploads: dict[str, tuple[str, Path]] = {}
        root.mkdir(parents=True, exist_ok=True)

    def _bucket(self, request: Request) -> Bucket:
        return Bucket(self._root, request.path_params["bucket"])

    async def list_buckets(self, request: Request) -> Response:
        prefix = request.query_params.get("prefix", "")
        folders = sorted(folder.name for folder in self._root.iterdir() if folder.is_dir())
        names = [name for name in folders if BUCKET_NAME.fullmatch(name) and name.startswith(prefix)]
        items = [Bucket(self._root, name).metadata(base_url=str(request.base_url)) for name in names]
        return JSONResponse({"kind": "storage#buckets", "items": items})

    async def create_bucket(self, request: Request) -> Response:
        name = (await request.json()).get("name", "")
        if not BUCKET_NAME.fullmatch(name):
            raise StorageError(400, f"Invalid bucket name: '{name}'")
        if (self._root / name).exists():
            raise StorageError(
                409, "Your previous request to create the named bucket succeeded and you already own it."
            )
        (self._root / name).mkdir()
        return JSONResponse(Bucket(self._root, name).metadata(base_url=str(request.base_url)))

    async def get_bucket(self, request: Request) -> Response:
        return JSONResponse(self._bucket(request).metadata(base_url=str(request.base_url)))

    async def delete_bucket(self, request: Request) -> Response:
        bucket = self._bucket(request)
        if await run_in_threadpool(bucket.names, ""):
            raise StorageError(409, "The bucket you tried to delete is not empty.")
        await run_in_threadpool(bucket.delete)
        return Response(status_code=204)

    async def list_objects(self, request: Request) -> Response:
        query = request.query_params
        bucket, prefix, delimiter = self._bucket(request), query.get("prefix", ""), query.get("delimiter")
        names = await run_in_threadpool(bucket.names, prefix)
        entries = dict.fromkeys(_entry(name, prefix=prefix, delimiter=delimiter) for name in names)
        after = base64.urlsafe_b64decode(query.get("pageToken", "")).decode()
        size = min(int(query.get("maxResults", PAGE_SIZE)) or PAGE_SIZE, PAGE_SIZE)
        rest = (entry for entry in entries if entry[0] > after)
        page = list(itertools.islice(rest, size))
        answer: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [
                await run_in_threadpool(bucket.object_metadata, name, base_url=str(request.base_url))
                for name, is_prefix in page
                if not is_prefix
            ],
            "prefixes": [name for name, is_prefix in page if is_prefix],
        }
        if next(rest, None):
            answer["nextPageToken"] = base64.urlsafe_b64encode(page[-1][0].encode()).decode()
        return JSONResponse(answer)

    async def get_object(self, request: Request) -> Response:
        if request.query_params.get("alt") == "media":
            return await self.download(request)
        return await self._object(request, request.path_params["name"])

    async def _object(self, request: Request, name: str) -> Response:
        bucket = self._bucket(request)
        return JSONResponse(
            await run_in_threadpool(bucket.object_metadata, name, base_url=str(request.base_url))
        )

    async def download(self, request: Request) -> Response:
        bucket, name = self._bucket(request), request.path_params["name"]
        path = bucket.existing(name)
        bucket.check(name, request.query_params)
        sums = await run_in_threadpool(checksums, path)
        metadata = bucket.object_metadata(name, base_url=str(request.base_url))
        headers = {
            "x-goog-hash": f"crc32c={sums['crc32c']},md5={sums['md5Hash']}",
            "x-goog-generation": metadata["generation"],
            "x-goog-metageneration": metadata["metageneration"],
            "x-goog-storage-class": metadata["storageClass"],
        }
        return FileResponse(path, headers=headers, media_type=metadata["contentType"])

    async def delete_object(self, request: Request) -> Response:
        bucket, name = self._bucket(request), request.path_params["name"]
        path = bucket.existing(name)
        bucket.check(name, request.query_params)
        path.unlink()
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        kind = request.query_params.get("uploadType")
        if kind == "resumable":
            return await self._begin_upload(request)
        body = await request.body()
        name = request.query_params.get("name", "")
        if kind == "multipart":
            resource, body = _parts(request.headers["content-type"], body)
            name = resource.get("name", name)
        return await self._store(request, name, self._temporary(body))

    async def _begin_upload(self, request: Request) -> Response:
        bucket = self._bucket(request)
        resource = json.loads(await request.body() or b"{}")
        name = resource.get("name") or request.query_params.get("name", "")
        bucket.check(name, request.query_params)
        upload_id = uuid4().hex
        self._uploads[upload_id] = (name, self._temporary(b""))
        location = request.url.include_query_params(upload_id=upload_id, uploadType="resumable")
        return Response(headers={"location": str(location), "x-guploader-uploadid": upload_id})

    async def resume(self, request: Request) -> Response:
        upload_id = request.query_params.get("upload_id", "")
        if upload_id not in self._uploads:
            raise StorageError(404, "No such upload, or the emulator was restarted meanwhile.")
        name, path = self._uploads[upload_id]
        body = await request.body()
        sent = CONTENT_RANGE.fullmatch(
            request.headers.get("content-range", f"bytes 0-{len(body)}/{len(body)}")
        )
        if sent is None or (sent["first"] and int(sent["first"]) != path.stat().st_size):
            raise StorageError(400, "The Content-Range does not continue the upload.")
        await run_in_threadpool(_append, path, body)
        received = path.stat().st_size
        if sent["total"] is None or received < int(sent["total"]):
            return Response(status_code=308, headers={"range": f"bytes=0-{received - 1}"} if received else {})
        del self._uploads[upload_id]
        return await self._store(request, name, path)

    def _temporary(self, content: bytes) -> Path:
        # Beside the buckets, so that the last step of an upload is a rename; no bucket may have such a name.
        folder = self._root / ".uploads"
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(content)
        return Path(file.name)

    async def _store(self, request: Request, name: str, source: Path) -> Response:
        try:
            await run_in_threadpool(
                self._bucket(request).write, name, source, conditions=request.query_params
            )
        finally:
            await run_in_threadpool(source.unlink, missing_ok=True)
        return await self._object(request, name)


def _entry(name: str, *, prefix: str, delimiter: str | None) -> tuple[str, bool]:
    """Return the name, or the prefix that stands for it and others, and whether it is one."""
    if delimiter and delimiter in (rest := name[len(prefix) :]):
        return prefix + rest.partition(delimiter)[0] + delimiter, True
    return name, False


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Split a multipart upload into its resource and its content, byte for byte."""
    header = Message()
    header["content-type"] = content_type
    _, resource, content, _ = body.split(b"--" + str(header.get_param("boundary")).encode(), 3)
    # Each part is its own headers, an empty line, the content and one line break.
    resource, content = (part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in (resource, content))
    return json.loads(resource), content


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)
