"""gs:// as a folder: a bucket is a folder of the root, and an object a file in it."""

from __future__ import annotations

import re
from pathlib import Path

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# An address ends where a shell, a list or a Python literal would end it.
ADDRESS = re.compile(r"(?:gs://|(?:(?<=[\s=,:;'\"(])|^)/gcs/)[^\s,;'\"()]+")


def inside(root: Path, relative: str) -> Path:
    """Return the path below the root; raise ValueError for one that would leave it."""
    base = root.resolve()
    path = base / relative
    if ".." in path.parts or not path.resolve().is_relative_to(base):
        raise ValueError(f"{relative!r} leads out of its folder.")
    return path


def local_path(root: Path, uri: str) -> Path:
    """Return where `gs://bucket/name`, or `/gcs/bucket/name`, lies on this machine."""
    relative = uri.removeprefix("gs://").removeprefix("/gcs/")
    if relative == uri or not BUCKET_NAME.fullmatch(relative.split("/", 1)[0]):
        raise ValueError(f"{uri!r} is no Cloud Storage address: gs://bucket/name is expected.")
    return inside(root, relative)


def localize(root: Path, text: str) -> str:
    """Return the text with each address in it made local, the folder it lies in existing."""

    def replace(address: re.Match[str]) -> str:
        path = local_path(root, address[0])
        # A folder is told by its last character, and names are appended to it as they are.
        is_folder = address[0].endswith("/")
        (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
        return f"{path}/" if is_folder else str(path)

    return ADDRESS.sub(replace, text)
