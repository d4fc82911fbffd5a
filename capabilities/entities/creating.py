"""The type ``sys.create``: the power to make entities, and what pays for them."""

from typing import Annotated, Any

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.effects import Done
from mintaka.capabilities.entities.keeping import Keeper, property_names
from mintaka.capabilities.entities.kept import text
from mintaka.capabilities.entities.restrictions import CreateRestrictions
from mintaka.capabilities.entities.space import CONTROL, CREATE, EntitySpace
from mintaka.capabilities.entities.value import EntityValue, entity_number, made, made_here
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.places import Namespace
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.use import Use
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value


class CreateOptions(Options):
    """How an entity is made."""

    namespace: str | None = option(
        None,
        label="Namespace",
        help="A dotted name for a group of entities, by which capabilities can be restricted to it",
        max_length=200,
    )


@capability(CREATE, label="Create entities", restrictions=CreateRestrictions)
class Create:
    """Make entities: things with properties and verbs. Limits of uses and bytes are what they may take together."""

    def __init__(self, entity_space: EntitySpace) -> None:
        self._space = entity_space

    @method(
        effects=Effect.WRITES,
        label="Create",
        errors=("limit", "bad_image", "storage_error", "storage_full"),
        examples=('(let create (get-capability "sys.create"))\n(create.create {:name "lamp"})',),
    )
    async def create(
        self,
        use: Use,
        props: Annotated[dict[str, Any], "Its properties; `location` and `prototype_id` are entities"],
        options: CreateOptions,
    ) -> int:
        """Make an entity; its number. Whoever makes one owns it, and has an `entity.control` of all they own.

        It is one use, and takes the bytes of its properties and of the pictures that come with them.
        """
        holder = use.held.holder
        given = dict(props)
        location = self._place(use, given.pop("location", None), "move")
        prototype = self._place(use, given.pop("prototype_id", None), "read")
        keeper = Keeper(use.kernel, holder)
        kept = keeper.keep(property_names(given))
        assert isinstance(kept, dict)
        size = len(text(kept)) + keeper.picture_bytes
        namespace = self._namespace(use, options.namespace)

        def act() -> Done:
            with use.admitted({"max_bytes": size, "namespace": namespace or ""}, {"uses": 1, "bytes": size}) as call:
                results = keeper.publish(self._space.blobs)
                id = self._space.entities.create(
                    holder,
                    kept,
                    prototype=prototype,
                    location=location,
                    namespace=namespace,
                    maker=use.held.id,
                    size=size,
                    now=use.run.powers.clock(),
                )
                call.settle(results=results)
            return made(use.run, id, use.kernel.root(holder, CONTROL))

        done = self._space.once(use.run, act, keeper.capabilities)
        assert isinstance(done, dict)
        assert isinstance(done["entity"], int)
        return done["entity"]

    def _place(self, use: Use, given: Value, method: str) -> int | None:
        """The number of a prototype or a location that may be used so."""
        if given is None:
            return None
        if isinstance(given, EntityValue) and (given.itself or method == "read"):
            return given.id  # having it in hand is enough
        id = entity_number(given)
        if made_here(use.run, id) is None:
            self._space.reached(use.run.host(Grant), id, method)
        return id

    def _namespace(self, use: Use, asked: str | None) -> str | None:
        bound = use.restrictions.get("namespace")
        if asked is None:
            return None if bound is None else ".".join(bound)
        try:
            return ".".join(Namespace().parse(asked))
        except ValueError as unfit:
            raise HostFault(f"a namespace is {unfit}", kind="invalid_params") from None
