"""How ``net.http`` reaches the internet: the machine's resolver, and httpx to one address."""

import asyncio
import socket
from collections.abc import Sequence

from mintaka.capabilities.net import Incoming, Outgoing
from mintaka.runtime.errors import HostFault


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a host's name; none where there is no such host."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


async def send(request: Outgoing) -> Incoming:
    """Send a request to its address; certificates and the Host header are those of its name.

    Raises HostFault ``unsupported`` where nobody answers, ``limit`` where the answer is too large.
    """
    import httpx  # only runs that ask the internet pay for importing it

    address = f"[{request.address}]" if ":" in request.address else request.address
    url = f"{request.scheme}://{address}:{request.port}{request.target}"
    headers = {**request.headers, "host": request.host, "accept-encoding": "identity"}
    # The environment's proxies would be asked for the name again, and resolve it for themselves.
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=None) as client:
        try:
            async with client.stream(
                request.method,
                url,
                headers=headers,
                content=request.body,
                extensions={"sni_hostname": request.host},
            ) as answer:
                body = bytearray()
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > request.most:
                        raise HostFault(
                            f"the answer of {request.host} has more than {request.most} bytes",
                            kind="limit",
                            hint="ask for less",
                            data={"limit": "max_bytes", "value": request.most},
                        )
                return Incoming(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body))
        except httpx.HTTPError as error:
            raise HostFault(
                f"{request.host} could not be asked ({type(error).__name__})",
                kind="unsupported",
                hint="is its name right, and does it answer?",
            ) from None
