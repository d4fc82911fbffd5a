"""Running scripts, and calling ops and capability methods as if they were methods of the server."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from mintaka.capabilities.entities.space import CONTROL, CREATE
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program
from mintaka.runtime.execute import Outcome
from mintaka.runtime.powers import Emit
from mintaka.runtime.values import HostObject, Value
from mintaka.server.connection import Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.job_runs import Asked, JobRuns
from mintaka.server.jobs import Jobs
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.scripts import Scripts, Source
from mintaka.server.sessions import Session
from mintaka.server.wire import HANDLE, Wire


class BudgetParams(Params):
    """How much a run may use; what is left out is the default, and nothing may exceed the server's maxima."""

    fuel: int | None = Field(default=None, gt=0)
    depth: int | None = Field(default=None, gt=0)
    deadline_s: float | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, gt=0)
    memory: int | None = Field(default=None, gt=0)


class ScriptParams(Params):
    """A script: its JSON form, or its text as ``source``."""

    script: Any = None
    source: str | None = None

    def given(self) -> object:
        """The one form that was given. Raises `Fault` for none or both."""
        named = self.model_fields_set & {"script", "source"}
        if len(named) != 1 or (self.source is None and "source" in named):
            raise Fault(Kind.INVALID_PARAMS, "Give a script either as `script` (JSON) or as `source` (text).")
        return self.script if self.source is None else Source(self.source)


class ExecuteParams(ScriptParams):
    """A script and how to run it."""

    args: list[Any] = Field(default_factory=list, description="What std.args gives")
    params: dict[str, Any] = Field(default_factory=dict, description="Values of its (params …)")
    grant: list[Any] | None = Field(default=None, description="Capabilities it may look up; without, all you hold")
    mode: Literal["result", "job"] = "result"
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="A job: what you call it, so asking twice is asking once",
    )
    priority: int = Field(default=0, ge=-100, le=100, description="A job: before your others where it is higher")
    budget: BudgetParams = BudgetParams(fuel=None, depth=None, deadline_s=None, calls=None, memory=None)


class ConvertParams(ScriptParams):
    """A script and the form it should have."""

    to: Literal["text", "json"]


class ScriptMethods:
    """``execute_script``, ``check_script``, ``convert_script``, ``get_opcodes``."""

    def __init__(self, scripts: Scripts, jobs: Jobs, runs: JobRuns, kernel: Kernel, wire: Wire) -> None:
        self._scripts = scripts
        self._jobs = jobs
        self._runs = runs
        self._kernel = kernel
        self._wire = wire

    @rpc_method("execute_script")
    async def execute_script(self, caller: Caller, params: ExecuteParams) -> Reply:
        """Run a script: its value, or in mode "job" the job's id, with job.… notifications to follow.

        A job is kept before this is answered, and goes on whatever happens to the server. With an `idempotency_key`
        the same request asked again is answered with the same job.
        """
        session = caller.session
        program, args = self._prepared(session, params)
        budget = self._scripts.budget(params.budget.model_dump())
        if params.mode == "result":
            if params.idempotency_key is not None or params.priority:
                raise Fault(Kind.INVALID_PARAMS, "A key and a priority are for jobs. Ask for one: `mode` is job.")
            outcome = await self._run(program, args, budget, self._grant(caller, params.grant), _unheard)
            return Reply(self._wire.encode_result(outcome, session.handles, binary=caller.binary))
        asked = Asked(
            params.given(),
            args,
            budget,
            self._grant_ids(caller, params.grant),
            chosen=params.grant is not None,
            priority=params.priority,
        )
        job = self._jobs.submit(
            session.principal, lambda id: self._runs.request(id, session.principal, asked), params.idempotency_key
        )
        return Reply({"job": job.id, "position": self._jobs.position(job)}, then=self._jobs.start_waiting)

    @rpc_method("check_script")
    async def check_script(self, caller: Caller, params: ScriptParams) -> Reply:
        """Say what is wrong with a script, without running it."""
        return Reply(self._scripts.check(params.given()).to_json())

    @rpc_method("convert_script")
    async def convert_script(self, caller: Caller, params: ConvertParams) -> Reply:
        """Turn a script from text to JSON or from JSON to text."""
        script = params.given()
        return Reply(self._scripts.text(script) if params.to == "text" else self._scripts.json(script))

    @rpc_method("get_opcodes")
    async def get_opcodes(self, caller: Caller, params: Nothing) -> Reply:
        """List every op a script can use."""
        return Reply(self.describe_ops())

    def describe_ops(self) -> list[dict[str, object]]:
        """Every op and form, in the shape of ``get_opcodes``."""
        return self._scripts.ops.describe()

    def names(self, caller: Caller) -> list[str]:
        """Every op, and every method of what the caller holds, as names that may be called."""
        return [*self._scripts.ops.signatures, *self._held_methods(caller)]

    async def call_op(self, caller: Caller, name: str, given: Mapping[str, object] | Sequence[object]) -> Reply | None:
        """Run the one-op script a method's name stands for; ``None`` if it stands for none.

        Parameters are data, never code: lists among them are lists.
        """
        if name in self._scripts.ops.signatures:
            return await self._call(caller, name, [], self._in_order(name, given))
        type, method = self._held_methods(caller).get(name, ("", ""))
        if not type:
            return None
        args = self._method_args(type, method, given)
        return await self._call(caller, "std.call_method", [["get_capability", type], method], args)

    async def run_op(
        self, session: Session, op: str, args: Sequence[Value], emit: Emit, caller: HostObject | None = None
    ) -> Outcome:
        """Run an op with all that the session's principal holds; ``caller`` is the entity that has it run."""
        program = self._scripts.program([op, *(["std.arg", index] for index in range(len(args)))])
        return await self._run(program, args, self._scripts.budget({}), self.grant(session), emit, caller)

    async def run_method(self, held: Held, method: str, given: Mapping[str, Value], emit: Emit) -> Outcome:
        """Call a method of a capability with arguments and options by name; it runs as a script that holds no other."""
        args = self._method_args(held.type, method, given)
        value = CapabilityValue(self._kernel, held.holder, held.id, held.type)
        places = [["std.arg", index] for index in range(len(args) + 1)]
        program = self._scripts.program(["std.call_method", places[0], method, *places[1:]])
        grant = Grant(self._kernel, held.holder, [held.id])
        return await self._run(program, [value, *args], self._scripts.budget({}), grant, emit)

    def _prepared(self, session: Session, params: ExecuteParams) -> tuple[Program, list[Value]]:
        if not params.params:
            args = [self._wire.decode(arg, session.handles) for arg in params.args]
            return self._scripts.program(params.given()), args
        if params.args:
            raise Fault(Kind.INVALID_PARAMS, "Give a script either `args`, in order, or `params`, by name.")
        named = {name: self._wire.decode(value, session.handles) for name, value in params.params.items()}
        return self._scripts.with_parameters(params.given(), named)

    async def _call(self, caller: Caller, op: str, head: list[object], args: Sequence[object]) -> Reply:
        handles = caller.session.handles
        values = [self._wire.decode(arg, handles) for arg in args]
        program = self._scripts.program([op, *head, *(["std.arg", index] for index in range(len(values)))])
        outcome = await self._run(program, values, self._scripts.budget({}), self._grant(caller, None), _unheard)
        return Reply(self._wire.encode_result(outcome, handles, binary=caller.binary))

    async def _run(
        self,
        program: Program,
        args: Sequence[Value],
        budget: Budget,
        grant: Grant,
        emit: Emit,
        caller: HostObject | None = None,
    ) -> Outcome:
        """Run a program within a grant; what it made for itself ends with it, what it gives back lives on."""
        result: Value = None
        try:
            outcome = await self._scripts.run(
                program, args=args, budget=budget, emit=emit, hosts={Grant: grant}, caller=caller
            )
            # pyright takes an attribute that may be a function for a method.
            result = outcome.value  # pyright: ignore[reportAssignmentType]
        finally:
            grant.end(result)
        return outcome

    def _grant(self, caller: Caller, given: Sequence[object] | None) -> Grant:
        """What a run may look up: all that the session's principal holds, or the capabilities it was given."""
        return Grant(self._kernel, caller.session.principal, self._grant_ids(caller, given))

    def _grant_ids(self, caller: Caller, given: Sequence[object] | None) -> list[str]:
        session = caller.session
        if given is None:
            return self._everything(session)
        return [session.handles.resolve(_handle(each)).id for each in given]

    def grant(self, session: Session) -> Grant:
        """All that the session's principal holds."""
        return Grant(self._kernel, session.principal, self._everything(session))

    def _everything(self, session: Session) -> list[str]:
        """What a principal holds: who may make entities has control of all that are then their own."""
        held = self._kernel.held(session.principal)
        ids = [each.id for each in held]
        if any(each.type == CREATE for each in held):
            ids.append(self._kernel.root(session.principal, CONTROL))
        return list(dict.fromkeys(ids))

    def _held_methods(self, caller: Caller) -> dict[str, tuple[str, str]]:
        """What may be called, and the type and the method that it is: ``sys.create`` is that type's ``create``."""
        held = {each.type for each in self._kernel.held(caller.session.principal)}
        methods: dict[str, tuple[str, str]] = {}
        for type in self._kernel.registry:
            if type.name in held:
                methods |= {f"{type.name}.{method}": (type.name, method) for method in type.methods}
                last = type.name.rpartition(".")[2]
                methods |= {type.name: (type.name, last)} if last in type.methods else {}
        return methods

    def _method_args(self, type: str, method: str, given: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
        """By position as they stand; by name, the method's own in their order, and the rest are its options."""
        if not isinstance(given, Mapping):
            return list(given)
        options = dict(given)
        own = self._kernel.registry.get(type).methods[method].signature.parameters
        args = [options.pop(each.name) for each in own if each.name in options]
        return [*args, options] if options else args

    def _in_order(self, name: str, given: Mapping[str, object] | Sequence[object]) -> list[object]:
        """Named parameters in the op's order; the last one of many is a list of them."""
        if not isinstance(given, Mapping):
            return list(given)
        op = next(each for each in self.describe_ops() if each["opcode"] == name)
        left = dict(given)
        args: list[object] = []
        parameters = op["parameters"]
        assert isinstance(parameters, list)
        for parameter in parameters:
            called = str(parameter["name"])
            if called.startswith("..."):
                rest = left.pop(called[3:], [])
                args.extend(rest if isinstance(rest, list) else [rest])
            elif called in left:
                args.append(left.pop(called))
            elif any(later in left for later in _after(parameters, parameter)):
                args.append(None)
        if left:
            takes = ", ".join(str(parameter["name"]) for parameter in parameters) or "no parameters"
            raise Fault(
                Kind.INVALID_PARAMS, f"`{name}` has no parameter `{next(iter(left))}`.", hint=f"It takes {takes}."
            )
        return args


def _after(parameters: Sequence[Mapping[str, object]], parameter: Mapping[str, object]) -> list[str]:
    names = [str(each["name"]).removeprefix("...") for each in parameters]
    return names[names.index(str(parameter["name"])) + 1 :]


def _handle(value: object) -> object:
    return value.get(HANDLE) if isinstance(value, Mapping) else value


def _unheard(kind: str, data: Mapping[str, object]) -> None:
    """In mode "result" nobody hears of what happens on the way."""
