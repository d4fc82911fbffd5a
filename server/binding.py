"""The address to listen on, taken before anything else is made."""

import errno
import socket


class PortFault(Exception):
    """The address cannot be listened on; the message says what to do."""


def bind(host: str, port: int) -> socket.socket:
    """Bind ``host:port`` (0 picks a free port). Raises `PortFault`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        # Two sockets may both bind with SO_REUSEADDR; only one may listen.
        bound.listen(128)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortFault(
                f"Port {port} of {host} is in use, perhaps by another server. Stop that one, or choose another port "
                "with --port N (0 picks a free one)."
            ) from None
        reason = (error.strerror or "error").lower()
        raise PortFault(f"{host}:{port} cannot be listened on ({reason}). Choose with --host and --port.") from None
    bound.setblocking(False)
    return bound
