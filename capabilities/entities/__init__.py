"""Entities in the hands of scripts: making them, changing them, and running their verbs.

``creating`` and ``control`` are the types of capability, ``reach`` says which entities one of them covers; ``value`` is
an entity as a script holds it, ``keeping`` how values are kept in one, ``calling`` how a verb is run and by whose
authority; ``ops`` are the words scripts have for all that, and ``errands`` runs what was scheduled.
"""
