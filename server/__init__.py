"""JSON-RPC over WebSocket, HTTP, sessions, jobs and the ``mintaka`` command; the only place where powers are made.

``rpc`` (the protocol without I/O) → ``connection`` (one WebSocket) → ``methods`` (what may be called) → ``scripts`` (a
source becomes a checked, bounded run) → ``jobs`` (runs as tasks with numbered events). ``wire`` carries values to JSON
and back, ``errors`` turns whatever went wrong into the protocol's closed set, ``http`` is everything that is not a
WebSocket, ``datafolder`` and ``settings`` are what the server reads from its surroundings, and ``app`` composes it all.
"""
