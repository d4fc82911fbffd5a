"""Authority: what a script may do, held as capability objects that can be narrowed, handed on and revoked.

``order`` and ``restrictions`` say what can be narrowed and how; ``registry`` knows the types and their methods;
``chain`` and ``chains`` tell what a capability rests upon, ``ledger`` how much of it is left, ``kernel`` who holds it;
``grant``, ``handles`` and ``value`` put capabilities into the hands of a run and of a client; ``ops`` are the words
scripts have for all that; ``diffusion`` holds the types that make pictures.
"""
