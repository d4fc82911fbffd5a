"""Endpoints: scripts that somebody published, with what they may use, for others to call.

Calling is a capability type of its own, ``endpoint.call``, so who may call, how often and how long is delegated,
shared, limited and taken back like any other power. What an endpoint runs with is its publisher's, never
the caller's.
"""
