"""Mintaka: a capability-secure script runtime for image generation.

Scripts are small S-expression programs; a script can do exactly what the capability objects in its hands allow.

The rooms, each importable as ``mintaka.<room>``, from the bottom up: ``lang`` (source to checked tree), ``runtime``
(compile and run a tree within a budget), ``stdlib`` (the ops of the language), ``engine`` (models and pictures),
``storage`` (the database and the folder of blobs), ``capabilities`` (authority: what a script may do), ``server`` and
``client`` (the wire between them), ``web`` (the browser's side).
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("mintaka")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
