"""Everything that can be configured, in one object: flags before environment before ``mintaka.toml`` before defaults.

Environment variables are the names in capitals after ``MINTAKA_``, with two underscores before a member of a group:
``MINTAKA_PORT=9000``, ``MINTAKA_LIMITS__IN_FLIGHT=16``. ``mintaka.toml`` is read from the working folder, else from the
user's configuration folder; a group is a table (``[limits]``).
"""

from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mintaka.server.extra_paths import extra_places

CONFIG_NAME = "mintaka.toml"


class Limits(BaseModel):
    """What a peer may take. Every number that bounds something on the wire is here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, description="Largest incoming frame")
    frame_bytes_before_auth: int = Field(
        default=64 * 1024, ge=1024, description="Largest frame of somebody not signed in yet"
    )
    json_depth: int = Field(default=512, ge=8, le=512, description="Deepest nesting of JSON")
    json_nodes: int = Field(default=50_000, ge=100, description="Most JSON values in a frame or a result")
    batch: int = Field(default=50, ge=1, description="Most calls in a batch")
    in_flight: int = Field(default=64, ge=1, description="Most unanswered requests of one connection")
    send_buffer_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="Unsent bytes after which a slow reader is closed"
    )
    connections: int = Field(default=256, ge=1, description="Most connections at a time")
    http_requests: int = Field(default=32, ge=1, description="Most unanswered HTTP requests of one principal")
    upload_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="Largest HTTP request that may hold pictures"
    )
    uploaded_bytes: int = Field(
        default=1024 * 1024 * 1024, ge=0, description="Most bytes of pictures that one principal uploads and keeps"
    )
    jobs_running: int = Field(default=64, ge=1, description="Most unfinished jobs of one principal")
    jobs_at_once: int = Field(default=16, ge=1, description="Most jobs that run at a time; others wait their turn")
    jobs_kept: int = Field(default=200, ge=1, description="Most finished jobs of one principal that are kept")
    job_events: int = Field(default=1000, ge=10, description="Events kept of one job")
    ping_s: float = Field(default=20.0, gt=0, description="Seconds between pings")


class RunMaxima(BaseModel):
    """The most one run may use; a request may ask for less, never for more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fuel: int = Field(default=1_000_000_000, ge=1, description="Fuel: calls and loop turns")
    depth: int = Field(default=1000, ge=1, le=1000, description="Depth of nested calls")
    deadline_s: float = Field(default=3600.0, gt=0, description="Seconds from start to end")
    calls: int = Field(default=10_000, ge=1, description="Capability calls")
    memory: int = Field(default=256 * 1024 * 1024, ge=1024, description="Bytes of live script data")


class GuestSettings(BaseModel):
    """Who is let in without a token. Without links nobody is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    links: tuple[str, ...] = Field(
        default=(), description="Tokens of share links: who connects without a token holds what they give"
    )
    networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Addresses such connections may come from; this machine's own without",
    )

    def admit(self, address: str) -> bool:
        """Whether whoever connects from ``address`` is let in without a token."""
        try:
            came_from = ip_address(address)
        except ValueError:  # no network connection
            return False
        return bool(self.links) and any(came_from in network for network in self.networks)


class Settings(BaseSettings):
    """The server's settings, validated; ``Settings.load(**flags)`` reads all sources."""

    model_config = SettingsConfigDict(
        env_prefix="MINTAKA_", env_nested_delimiter="__", frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8321, ge=0, le=65535, description="Port to listen on; 0 picks a free one")
    data: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("mintaka")), description="Data folder")
    database: str | None = Field(
        default=None, description="SQLAlchemy URL of the database, as postgresql+psycopg://…; SQLite without"
    )
    folders: dict[str, Path] = Field(
        default_factory=dict, description="Folders for fs.read and fs.write, by the name their paths begin with"
    )
    models: tuple[Path, ...] = Field(default=(), description="Further folders of models")
    extra_model_paths: tuple[Path, ...] = Field(
        default=(), description="Files that name folders of other programs, as ComfyUI's extra_model_paths.yaml"
    )
    model_aliases: dict[str, str] = Field(
        default_factory=dict, description="Further ids of models, as clients of other programs send them"
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="Further Host names this server answers to, as host or host:port"
    )
    origins: tuple[str, ...] = Field(
        default=(), description="Further web origins that may connect, as https://host[:port]"
    )
    threads: int | None = Field(
        default=None, ge=1, description="Threads of the worker on a CPU; its own choice without"
    )
    devices: tuple[str, ...] = Field(
        default=("cpu",), min_length=1, description="Where models run, a worker for each: cpu, cuda, cuda:1, mps"
    )
    model_memory: int | None = Field(
        default=None,
        ge=1024**2,
        description="Bytes of weights kept loaded on a device; without, 4/5 of an accelerator's memory, half the CPU's",
    )
    worker_memory: int | None = Field(
        default=None, ge=1024**3, description="Bytes of main memory one worker may hold; without limit without"
    )
    preload: bool = Field(default=False, description="Start the worker at once instead of with the first picture")
    guests: GuestSettings = GuestSettings()
    limits: Limits = Limits()
    run: RunMaxima = RunMaxima()

    @field_validator("extra_model_paths")
    @classmethod
    def _readable(cls, files: tuple[Path, ...]) -> tuple[Path, ...]:
        for file in files:
            extra_places(file)
        return files

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        file = config_file()
        if file is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, file))
        return tuple(sources)

    @classmethod
    def load(cls, **flags: object) -> "Settings":
        """Read every source; a flag that is ``None`` was not given. Raises `BadSettings`."""
        given = {name: value for name, value in flags.items() if value is not None}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise BadSettings(
                f"The setting {name} cannot be used: {first['msg'].removeprefix('Value error, ')}."
            ) from None
        except (OSError, ValueError) as error:
            raise BadSettings(f"{CONFIG_NAME} cannot be read: {error}") from None


class BadSettings(Exception):
    """A setting is wrong; the message names it."""


def config_file() -> Path | None:
    """The ``mintaka.toml`` that is in effect, if there is one."""
    for folder in (Path.cwd(), Path(platformdirs.user_config_dir("mintaka"))):
        file = folder / CONFIG_NAME
        if file.is_file():
            return file
    return None
