"""Field masks: which parts of a resource a client asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.field_mask_pb2 import FieldMask

from airflow_mljobs.emulator.errors import invalid

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

Tree = dict[str, "Tree"]
"""Field names, each with the parts wanted below it; an empty tree wants all."""


def from_paths(paths: list[str], descriptor: Any) -> Tree:
    """Read the paths of a mask, refusing what the message does not have.

    Unlike protobuf's own helpers a path may lead through a repeated field, which the services allow.
    """
    tree: Tree = {}
    whole: list[Tree] = []
    for path in paths:
        if path == "*":
            return {}
        _check(path, descriptor)
        node = tree
        for part in path.split("."):
            node = node.setdefault(part, {})
        whole.append(node)
    for node in whole:
        # A field asked for as a whole stays whole, even where another path names a part of it.
        node.clear()
    return tree


def from_header(text: str, descriptor: Any) -> Tree:
    """Read the `x-goog-fieldmask` of a request, which may name fields in camel case."""
    mask = FieldMask()
    try:
        mask.FromJsonString(text.replace(" ", ""))
    except ValueError as error:
        raise _unknown(text) from error
    return from_paths(list(mask.paths), descriptor)


def prune(message: Message, tree: Tree) -> None:
    """Clear all that the mask leaves out."""
    if not tree:
        return
    for field, value in message.ListFields():
        if field.name not in tree:
            message.ClearField(field.name)
        elif tree[field.name]:
            for part in _parts(field, value):
                prune(part, tree[field.name])


def _parts(field: FieldDescriptor, value: Any) -> list[Message]:
    return list(value) if field.is_repeated else [value]


def _check(path: str, descriptor: Any) -> None:
    for part in path.split("."):
        field = None if descriptor is None else descriptor.fields_by_name.get(part)
        if field is None:
            raise _unknown(path)
        inner = field.message_type
        # The keys of a map are data, not fields: a mask takes a map as a whole.
        descriptor = None if inner is None or inner.GetOptions().map_entry else inner


def _unknown(path: str) -> Exception:
    return invalid(f"Invalid field mask: '{path}' does not name a field of the resource.")
