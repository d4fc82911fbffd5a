"""The tables. A change here comes with a migration in ``storage/migrations/versions`` and a new `REVISION`.

principal ── token                          who, and how they sign in
    └─────── cap ── account, rate           what they may do, how much of it is left, and how often
              ├──── share_link              tokens that can be redeemed for some of it
              ├──── event                   who did what with it
              └──── invocation ── charge    calls in progress and done, and what each took from which account
                        └──────── asset     what was published, and whose it is
edited                                        pictures made of others, and whose they are
upload                                         pictures that principals brought
run ── journal                              durable runs, and what each has learnt and done
run ── job ── job_event                      what servers were asked to run, and what happened to it
effect                                      what durable runs did to capabilities
entity ── verb, scheduled                   what people made: properties, scripts, and what is to happen
   └───── player                            the entity that stands for a principal
endpoint                                    scripts that people published for others to call
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISION = "0010"
"""The newest migration; a database at it is opened without loading Alembic."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

principal = Table(
    "principal",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("created", Double, nullable=False),
    Column("kind", String(20), nullable=False, server_default="user"),
)
"""Somebody, or some program, that can hold capabilities: ``owner``, ``user``, ``service`` or ``guest``."""

token = Table(
    "token",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("principal", ForeignKey("principal.name"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("last_used", Double),
)
"""What a principal signs in with: its blake3 hash alone, and what it is called."""

cap = Table(
    "cap",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("parent", ForeignKey("cap.id"), index=True),
    Column("mint", ForeignKey("cap.id"), index=True),
    Column("type", String(200), nullable=False),
    Column("own", Text, nullable=False),
    Column("holder", ForeignKey("principal.name"), nullable=False, index=True),
    Column("issuer", ForeignKey("principal.name"), nullable=False),
    Column("depth", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    Column("revoked_by", ForeignKey("principal.name")),
    Column("label", String(200)),
    Column("mac", LargeBinary, nullable=False),
    CheckConstraint("depth BETWEEN 0 AND 32", name="depth"),
    CheckConstraint("parent IS NULL OR mint IS NULL", name="one_origin"),
)
"""A capability. ``own`` holds this link's restrictions alone, as canonical JSON; ``parent`` is the delegation edge and
``mint`` the authority that minted it. Times are seconds since the epoch, UTC."""

account = Table(
    "account",
    metadata,
    Column("cap", ForeignKey("cap.id"), primary_key=True),
    Column("unit", String(20), primary_key=True),
    Column("limit", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    CheckConstraint('reserved >= 0 AND spent >= 0 AND reserved + spent <= "limit"', name="within_limit"),
)
"""How much of a unit a capability and everything made from it may use together."""

share_link = Table(
    "share_link",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("cap", ForeignKey("cap.id"), nullable=False, index=True),
    Column("redemptions", Integer),
    CheckConstraint("redemptions >= 0", name="redemptions"),
)
"""A token that can be redeemed for a child of ``cap``: its blake3 hash, and how often still, where that is bounded."""

rate = Table(
    "rate",
    metadata,
    Column("cap", ForeignKey("cap.id"), primary_key=True),
    Column("burst", Integer, nullable=False),
    Column("refill_us", BigInteger, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    CheckConstraint("burst > 0 AND refill_us > 0", name="positive"),
)
"""How often a capability and everything made from it may be used: ``burst`` calls at once, one more each ``refill_us``
microseconds. ``next_us`` is the time, in microseconds since the epoch, by which all that was taken will be refilled."""

invocation = Table(
    "invocation",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("cap", ForeignKey("cap.id"), nullable=False, index=True),
    Column("principal", ForeignKey("principal.name"), nullable=False),
    Column("method", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("admitted", Double, nullable=False),
    Column("ended", Double),
    Column("effect", Text),
    Column("compute", BigInteger, nullable=False, server_default="0"),
    Column("outcome", Text),
    Column("run", String(200), index=True),
    CheckConstraint("state IN ('running', 'settled', 'released')", name="state"),
    Index("ix_invocation_state", "state"),
    Index("ix_invocation_effect", "effect", unique=True),
)
"""One admitted call of a capability's method. ``effect`` is its name where durable ``run`` made it, ``compute`` what it
reserved of that at most, whether or not anything limits it, and ``outcome``, JSON, what a settled one gave."""

charge = Table(
    "charge",
    metadata,
    Column("invocation", ForeignKey("invocation.id"), primary_key=True),
    Column("cap", String(40), primary_key=True),
    Column("unit", String(20), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    ForeignKeyConstraint(["cap", "unit"], ["account.cap", "account.unit"]),
    CheckConstraint("amount >= 0", name="amount"),
)
"""What an invocation holds (while it runs) or took (once settled) of one account."""

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("deed", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("cap", String(40), nullable=False, index=True),
    Column("data", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""The audit log. ``hash`` seals an entry together with the one before it."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
"""At most one row: number and hash of the newest entry of the audit log."""

asset = Table(
    "asset",
    metadata,
    Column("invocation", ForeignKey("invocation.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("owner", ForeignKey("principal.name"), nullable=False, index=True),
    Column("mime", String(100), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
)
"""A published result: the ``number``-th of its invocation, its blob's ``name``, and whose it is."""

edited = Table(
    "edited",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", ForeignKey("principal.name"), primary_key=True),
    Column("mime", String(100), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("made", Double, nullable=False),
)
"""A picture made of another, for which no capability is needed: its blob's ``name``, and who made it first when."""

upload = Table(
    "upload",
    metadata,
    Column("owner", ForeignKey("principal.name"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("mime", String(100), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
)
"""A picture that a principal uploaded, by its blob's ``name``."""

effect = Table(
    "effect",
    metadata,
    Column("name", Text, primary_key=True),
    Column("run", String(200), nullable=False, index=True),
    Column("done", Text, nullable=False),
)
"""What durable runs that have not ended did to capabilities, by the names of their effects; ``done`` is JSON."""

run = Table(
    "run",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("tree", String(64), nullable=False),
    Column("program", Text, nullable=False),
    Column("args", Text, nullable=False),
    Column("budget", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("outcome", Text),
    Column("created", Double, nullable=False),
    Column("ended", Double),
    CheckConstraint("state IN ('running', 'done', 'failed', 'cancelled')", name="state"),
    Index("ix_run_state", "state"),
)
"""A durable run: all it takes to begin it again. ``tree`` is its program's hash; the program itself, ``args``,
``budget`` and ``outcome`` are JSON."""

journal = Table(
    "journal",
    metadata,
    Column("run", ForeignKey("run.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("position", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("what", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("outcome", Text),
    Column("seconds", Double, nullable=False),
)
"""What a run that has not ended has learnt and done, in order."""

job = Table(
    "job",
    metadata,
    Column("id", ForeignKey("run.id"), primary_key=True),
    Column("principal", ForeignKey("principal.name"), nullable=False),
    Column("key", String(200)),
    Column("request", String(64), nullable=False),
    Column("grant", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("told", Integer, nullable=False),
    Column("error", Text),
    Column("created", Double, nullable=False),
    Column("ended", Double),
    CheckConstraint("state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')", name="state"),
    Index("ix_job_principal_created", "principal", "created"),
    Index("ix_job_state", "state"),
    Index("ix_job_key", "principal", "key", unique=True),
)
"""A run that somebody asked a server for. ``request`` is the digest of what was asked under the idempotency ``key``,
``grant`` what it may look up and ``error`` how it failed, both JSON; ``seq`` numbers its newest event, ``told`` counts
those that its script told, and ``crashes`` how often the server died while it ran."""

job_event = Table(
    "job_event",
    metadata,
    Column("job", ForeignKey("job.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("data", Text, nullable=False),
)
"""What happened to a job, in order; ``data`` is JSON."""

entity = Table(
    "entity",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", ForeignKey("principal.name"), nullable=False, index=True),
    Column("prototype", ForeignKey("entity.id"), index=True),
    Column("location", ForeignKey("entity.id"), index=True),
    Column("namespace", String(200)),
    Column("properties", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("maker", ForeignKey("cap.id"), nullable=False),
    Column("created", Double, nullable=False),
    CheckConstraint("prototype != id AND location != id", name="not_of_itself"),
    sqlite_autoincrement=True,
)
"""Something that was made: its own ``properties`` as JSON, what it inherits from (``prototype``) and what it is in.
``size`` is the bytes of properties, pictures and verbs that were paid for with the capability ``maker``. Numbers are
never used again."""

verb = Table(
    "verb",
    metadata,
    Column("entity", ForeignKey("entity.id"), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("source", Text, nullable=False),
)
"""A script of an entity, in text."""

player = Table(
    "player",
    metadata,
    Column("principal", ForeignKey("principal.name"), primary_key=True),
    Column("entity", ForeignKey("entity.id"), nullable=False, unique=True),
)
"""The entity that stands for a principal."""

scheduled = Table(
    "scheduled",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entity", ForeignKey("entity.id"), nullable=False, index=True),
    Column("verb", String(200), nullable=False),
    Column("args", Text, nullable=False),
    Column("due", Double, nullable=False, index=True),
    sqlite_autoincrement=True,
)
"""A verb that is to be run at ``due``, seconds since the epoch, with ``args``, JSON. Its row goes before it runs."""

endpoint = Table(
    "endpoint",
    metadata,
    Column("owner", ForeignKey("principal.name"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("program", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("grant", Text, nullable=False),
    Column("published", Double, nullable=False),
    Column("withdrawn", Double),
    Column("seal", String(64), nullable=False),
    CheckConstraint("version > 0", name="version"),
)
"""A version of a script that its owner published: its ``program`` and the ids of the capabilities it runs with, both
JSON. A withdrawn one has neither any more; its row stays, so that its number is never given to another."""
