"""From a method's name to who answers it: the server's own methods, then the ops, then the methods of capabilities."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field

from mintaka.server.connection import Caller, Reply
from mintaka.server.discover import openrpc
from mintaka.server.methods import MethodTable, Nothing, Params, bind, rpc_method
from mintaka.server.script_methods import ScriptMethods
from mintaka.server.sessions import Peer


class PluginParams(Params):
    """A method's name, and its parameters by name or in order."""

    method: str
    params: dict[str, Any] | list[Any] = Field(default_factory=dict)


class Dispatcher:
    """All that may be called. ``welcome`` is asked to sign in whoever calls without having done so."""

    def __init__(self, scripts: ScriptMethods, *parts: object, version: str, welcome: Callable[[Peer], None]) -> None:
        self._scripts = scripts
        self._welcome = welcome
        self._version = version
        self._table = MethodTable([scripts, *parts, self])

    async def call(self, caller: Caller, name: str, given: Mapping[str, object] | Sequence[object]) -> Reply:
        """Answer one call. Raises `Fault`, `ScriptError` and what the engine and the storage raise."""
        method = self._table.get(name)
        if method is None or not method.open:
            self._welcome(caller.connection)
            caller.require_session()
        if method is not None:
            reply: Reply = await method.handler(caller, bind(method, given))
            return reply
        answered = await self._scripts.call_op(caller, name, given)
        if answered is None:
            raise self._table.unknown(name, self._scripts.names(caller))
        return answered

    @rpc_method("plugin_rpc")
    async def plugin_rpc(self, caller: Caller, params: PluginParams) -> Reply:
        """Call a method of what you hold by its name, as ViwoScript's clients do: `diffusers.generate` for instance.

        A picture's `image_url` is a data URL here: their pages lie at another address.
        """
        answered = await self._scripts.call_op(caller, params.method, params.params)
        if answered is None:
            raise self._table.unknown(params.method, self._scripts.names(caller))
        made = answered.result
        if isinstance(made, dict) and isinstance(made.get("image"), str) and "image_url" in made:
            return Reply({**made, "image_url": f"data:image/png;base64,{made['image']}"}, answered.then)
        return answered

    @rpc_method("rpc.discover", open=True)
    async def discover(self, caller: Caller, params: Nothing) -> Reply:
        """Describe every method, as an OpenRPC document."""
        return Reply(openrpc(self._table, self._scripts.describe_ops(), self._version))
