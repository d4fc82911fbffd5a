"""Bodies made of the parameter models of RPC methods, without what the path or the server says already."""

from typing import Any

from pydantic import create_model

from mintaka.server.methods import Params


def without(params: type[Params], *names: str, called: str) -> type[Params]:
    """A model like ``params`` that lacks some of its members, ``called`` so in the description."""
    kept: dict[str, Any] = {
        name: (field.annotation, field) for name, field in params.model_fields.items() if name not in names
    }
    made = create_model(called, __base__=Params, __doc__=params.__doc__, **kept)
    assert issubclass(made, Params)
    return made
