"""From a method's name to who answers it: the server's own methods, then the ops, then the methods of capabilities."""

from collections.abc import Mapping, Sequence

from mintaka.server.connection import Caller, Reply
from mintaka.server.discover import openrpc
from mintaka.server.methods import MethodTable, Nothing, bind, rpc_method
from mintaka.server.script_methods import ScriptMethods


class Dispatcher:
    """All that may be called."""

    def __init__(self, scripts: ScriptMethods, *parts: object, version: str) -> None:
        self._scripts = scripts
        self._version = version
        self._table = MethodTable([scripts, *parts, self])

    async def call(self, caller: Caller, name: str, given: Mapping[str, object] | Sequence[object]) -> Reply:
        """Answer one call. Raises `Fault`, `ScriptError` and what the engine and the storage raise."""
        method = self._table.get(name)
        if method is None or not method.open:
            caller.require_session()
        if method is not None:
            reply: Reply = await method.handler(caller, bind(method, given))
            return reply
        answered = await self._scripts.call_op(caller, name, given)
        if answered is None:
            raise self._table.unknown(name, self._scripts.names(caller))
        return answered

    @rpc_method("rpc.discover", open=True)
    async def discover(self, caller: Caller, params: Nothing) -> Reply:
        """Describe every method, as an OpenRPC document."""
        return Reply(openrpc(self._table, self._scripts.describe_ops(), self._version))
