"""The name of a tree's meaning: a hash of its JSON form, the same however the script is laid out or written."""

import json
from hashlib import blake2b

from mintaka.lang.tree import Node, to_json


def tree_digest(node: Node) -> str:
    """32 hex digits: equal trees have equal ones, and different trees for all practical purposes different ones."""
    written = json.dumps(to_json(node), separators=(",", ":")).encode()
    return blake2b(written, digest_size=16).hexdigest()
