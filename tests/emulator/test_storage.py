"""Cloud Storage as a folder, through the official client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from starlette.applications import Starlette

from airflow_mljobs.emulator.gcs import local_path, localize
from airflow_mljobs.emulator.storage import storage_routes


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder of the buckets."""
    return tmp_path_factory.mktemp("gcs")


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[storage.Client]:
    """Connect the official client to a server of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = Starlette(routes=storage_routes(root))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://localhost:{port}")
        client = storage.Client(project="test", credentials=AnonymousCredentials())
        yield client
        client.close()
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def bucket(client: storage.Client, root: Path, request: pytest.FixtureRequest) -> storage.Bucket:
    """Make an empty bucket, named after the test."""
    return client.create_bucket(request.node.name.replace("test_", "").replace("[", "-").rstrip("]"))


def test_buckets(client: storage.Client) -> None:
    """A bucket is created once, found, listed, and deleted when it is empty."""
    bucket = client.create_bucket("bucket-one")
    assert client.get_bucket("bucket-one").name == "bucket-one"
    assert "bucket-one" in [found.name for found in client.list_buckets()]
    with pytest.raises(Conflict, match="you already own it"):
        client.create_bucket("bucket-one")
    bucket.blob("a/b").upload_from_string("x")
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()
    bucket.blob("a/b").delete()
    bucket.delete()
    with pytest.raises(NotFound, match="bucket does not exist"):
        client.get_bucket("bucket-one")


def test_content_and_metadata(bucket: storage.Bucket, root: Path) -> None:
    """What was uploaded is the file, and comes back with the size and sums that the client checks."""
    content = b"\r\n--line\r\n\x00\xff" * 1000
    blob = bucket.blob("folder/a file+100%.json")
    blob.upload_from_string(content, checksum="md5")
    assert (root / bucket.name / "folder" / "a file+100%.json").read_bytes() == content
    assert bucket.blob(blob.name).download_as_bytes(checksum="md5") == content
    assert bucket.blob(blob.name).download_as_bytes(checksum="crc32c") == content
    found = bucket.get_blob(blob.name)
    assert found is not None
    assert (found.size, found.content_type) == (len(content), "application/json")
    assert blob.exists()
    assert not bucket.blob("folder").exists()


def test_empty_object(bucket: storage.Bucket) -> None:
    """An object of no bytes is an object."""
    bucket.blob("empty").upload_from_string(b"")
    assert bucket.blob("empty").download_as_bytes() == b""


def test_ranges(bucket: storage.Bucket) -> None:
    """Parts of an object are served, by explicit ends and through the client's file object."""
    blob = bucket.blob("numbers")
    blob.upload_from_string("0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    with blob.open("rb", chunk_size=2**18) as file:
        file.seek(7)
        assert file.read() == b"789"


def test_files_and_resumable_uploads(bucket: storage.Bucket, tmp_path: Path) -> None:
    """A file larger than its chunks goes up in several requests and comes back whole."""
    source = tmp_path / "source.bin"
    source.write_bytes(bytes(range(256)) * 4096)
    blob = bucket.blob("large/model.bin", chunk_size=2**18)
    blob.upload_from_filename(source, checksum="crc32c")
    target = tmp_path / "target.bin"
    blob.download_to_filename(target)
    assert target.read_bytes() == source.read_bytes()
    with bucket.blob("streamed").open("wb", chunk_size=2**18) as file:
        file.write(source.read_bytes()[: 2**18 + 7])
    assert bucket.blob("streamed").download_as_bytes() == source.read_bytes()[: 2**18 + 7]


def test_listing(client: storage.Client, bucket: storage.Bucket) -> None:
    """Objects are listed in order, by prefix, by folder, and page by page."""
    names = ["a/1", "a/2", "a/b/3", "a0", "z"]
    for name in reversed(names):
        bucket.blob(name).upload_from_string(name)
    assert [blob.name for blob in client.list_blobs(bucket)] == names
    assert [blob.name for blob in client.list_blobs(bucket, prefix="a/")] == names[:3]
    folder = client.list_blobs(bucket, prefix="a/", delimiter="/")
    assert [blob.name for blob in folder] == ["a/1", "a/2"]
    assert folder.prefixes == {"a/b/"}
    assert [[blob.name for blob in page] for page in client.list_blobs(bucket, page_size=2).pages] == [
        ["a/1", "a/2"],
        ["a/b/3", "a0"],
        ["z"],
    ]
    assert list(client.list_blobs(bucket, prefix="none/")) == []


def test_what_is_missing(client: storage.Client, bucket: storage.Bucket) -> None:
    """What is not there is answered as the service answers it."""
    with pytest.raises(NotFound, match=f"No such object: {bucket.name}/none"):
        bucket.blob("none").reload()
    with pytest.raises(NotFound):
        bucket.blob("none").download_as_bytes()
    with pytest.raises(NotFound, match="No such object"):
        bucket.blob("none").delete()
    with pytest.raises(NotFound, match="bucket does not exist"):
        client.bucket("no-such-bucket").blob("x").upload_from_string("x")


def test_preconditions(bucket: storage.Bucket) -> None:
    """An upload that must be the first, or follow a known generation, is held to it."""
    blob = bucket.blob("once")
    blob.upload_from_string("1", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string("2", if_generation_match=0)
    blob.upload_from_string("3", if_generation_match=blob.generation)
    assert blob.download_as_bytes() == b"3"


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/passwd", "a//b", "a/"])
def test_unclean_names(client: storage.Client, root: Path, name: str) -> None:
    """No name leads out of its bucket, and none that a file cannot have is taken for another."""
    bucket = client.bucket("unclean")
    if not bucket.exists():
        bucket.create()
    with pytest.raises((BadRequest, NotFound)):
        bucket.blob(name).upload_from_string("x")
    assert not (root / "outside").exists()


def test_a_file_is_no_folder(bucket: storage.Bucket) -> None:
    """An object below another object is refused with the reason, for a file cannot be a folder."""
    bucket.blob("a").upload_from_string("x")
    with pytest.raises(BadRequest, match="Objects are files here"):
        bucket.blob("a/b").upload_from_string("x")


def test_no_way_out_through_a_link(client: storage.Client, bucket: storage.Bucket, root: Path) -> None:
    """A link that a job left in a bucket does not open the rest of the machine."""
    (root.parent / "secret").mkdir()
    (root.parent / "secret" / "key").write_text("x")
    (root / bucket.name / "link").symlink_to(root.parent / "secret")
    with pytest.raises(BadRequest, match="leads out of its folder"):
        bucket.blob("link/key").download_as_bytes()
    (root / bucket.name / "file-link").symlink_to(root.parent / "secret" / "key")
    assert list(client.list_blobs(bucket)) == []


@pytest.mark.parametrize(
    "uri", ["gs://b", "gs://Bucket/x", "gs://bucket/../x", "gs://../x", "http://bucket/x"]
)
def test_addresses_refused(tmp_path: Path, uri: str) -> None:
    """Only a Cloud Storage address within the root has a place on this machine."""
    with pytest.raises(ValueError, match=r"no Cloud Storage address|leads out"):
        local_path(tmp_path, uri)


def test_addresses_in_a_text(tmp_path: Path) -> None:
    """Addresses are mapped wherever they stand, with the folders to write to made."""
    text = "--out=gs://bucket/a/ --in /gcs/bucket/b/c.csv,gs://bucket/d /other/gcs/x"
    there = tmp_path / "bucket"
    assert localize(tmp_path, text) == f"--out={there}/a/ --in {there}/b/c.csv,{there}/d /other/gcs/x"
    assert (there / "a").is_dir()
    assert (there / "b").is_dir()
