"""The whole program on one page: every power is made or taken here, and handed down by name."""

import asyncio
import hashlib
import os

from starlette.routing import Route
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from mintaka import __version__
from mintaka.capabilities import types
from mintaka.capabilities.endpoints.space import EndpointSpace
from mintaka.capabilities.entities.space import EntitySpace
from mintaka.capabilities.entities.value import entity_kind
from mintaka.capabilities.files import Folders
from mintaka.capabilities.images import ImageMethods
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.metadata import Metadata
from mintaka.capabilities.pictures import image_methods
from mintaka.capabilities.principals import OWNER, Principals
from mintaka.engine.supervisor import Engine
from mintaka.library.agenda import Agenda
from mintaka.library.endpoints import Endpoints
from mintaka.library.entities import Entities
from mintaka.runtime.compiler import Program
from mintaka.server import http, outbound
from mintaka.server.api.a1111_chosen import Chosen
from mintaka.server.api.a1111_listing import A1111Listing
from mintaka.server.api.a1111_routes import A1111Routes
from mintaka.server.api.a1111_running import Running
from mintaka.server.api.a1111_shapes import A1111
from mintaka.server.api.api import Api
from mintaka.server.api.asset_routes import AssetRoutes
from mintaka.server.api.capability_routes import CapabilityRoutes
from mintaka.server.api.endpoint_routes import EndpointRoutes
from mintaka.server.api.job_routes import JobRoutes
from mintaka.server.api.openai_routes import OpenAIRoutes
from mintaka.server.api.openai_shapes import OPENAI
from mintaka.server.api.operations import REST
from mintaka.server.api.waiting import Waiting
from mintaka.server.asset_methods import AssetMethods
from mintaka.server.assets import Assets
from mintaka.server.capability_methods import CapabilityMethods
from mintaka.server.capability_types import checkable
from mintaka.server.connection import TRY_AGAIN_LATER, Connection
from mintaka.server.datafolder import DataFolder
from mintaka.server.dispatch import Dispatcher
from mintaka.server.endpoint_methods import EndpointMethods
from mintaka.server.entity_methods import EntityMethods
from mintaka.server.errands import Errands
from mintaka.server.faults import Faults
from mintaka.server.gate import Gate, local_names
from mintaka.server.guests import Guests
from mintaka.server.job_methods import JobMethods, Publisher
from mintaka.server.job_runs import JobRuns
from mintaka.server.jobs import Jobs
from mintaka.server.mcp.mount import Agents
from mintaka.server.mcp.offered import Tools
from mintaka.server.metadata import MetadataMethods, MetadataWatch
from mintaka.server.pictures import Pictures
from mintaka.server.places import model_folder, web_bundle
from mintaka.server.powers import ServerPowers
from mintaka.server.present import Present
from mintaka.server.principal_methods import PrincipalMethods
from mintaka.server.script_methods import ScriptMethods
from mintaka.server.scripts import Scripts, op_table
from mintaka.server.session_methods import SessionMethods
from mintaka.server.sessions import Sessions
from mintaka.server.settings import Settings
from mintaka.server.site import Site
from mintaka.server.throttle import Throttle
from mintaka.server.tokens import Tokens
from mintaka.server.wire import Wire
from mintaka.storage.blobs import Blobs
from mintaka.storage.database import Database
from mintaka.storage.folders import Folder
from mintaka.storage.gallery import Gallery
from mintaka.storage.jobs import SavedJobs


class Application:
    """A composed server. `start` and `stop` are its life; ``asgi`` is what listens."""

    def __init__(self, settings: Settings, powers: ServerPowers, folder: DataFolder, *, port: int) -> None:
        # State: one database, one folder of pictures.
        self._database = Database(settings.database or folder.database_url)
        blobs = Blobs(folder.blobs)

        def worker_says(line: str) -> None:
            powers.log.info("worker", line=line)

        # The engine: models, and a worker process for each device, started with the first picture.
        self._models = model_folder(settings)
        self._engine = Engine(
            self._models,
            devices=settings.devices,
            keep_bytes=settings.model_memory,
            memory_bytes=settings.worker_memory,
            identities=folder.identities,
            threads=settings.threads,
            environment=powers.environment,
            log=worker_says,
            token_bytes=powers.token_bytes,
        )
        self._preload = settings.preload

        # What people keep: entities, with what they are to do and when, and endpoints.
        def compile_verb(source: str) -> Program:
            return scripts.verb(source)

        def compile_endpoint(program: str) -> Program:
            return scripts.kept(program)

        def wake() -> None:
            self._errands.wake()

        entities, agenda = Entities(self._database), Agenda(self._database)
        space = EntitySpace(self._database, entities, agenda, blobs, compile_verb, wake)
        endpoint_space = EndpointSpace(
            self._database, Endpoints(self._database), blobs, compile_endpoint, _subkey(folder.key, "endpoints")
        )

        # Authority: the kernel and the types of capability.
        self._folders = {name: Folder(path) for name, path in settings.folders.items()}
        registry = types.registry(
            {
                "engine": self._engine,
                "models": self._models,
                "blobs": blobs,
                "folders": Folders(self._folders),
                "resolve": outbound.resolve,
                "transport": outbound.send,
                "entity_space": space,
                "endpoint_space": endpoint_space,
            }
        )
        self._kernel = Kernel(
            self._database,
            registry,
            clock=powers.clock,
            token_bytes=powers.token_bytes,
            key=_subkey(folder.key, "capabilities"),
        )
        principals = Principals(self._database, clock=powers.clock, token_bytes=powers.token_bytes)
        throttle = Throttle(powers.clock)
        tokens = Tokens(folder.token, principals, throttle)

        # The language: ops, and runs within budgets.
        pictures = image_methods(self._engine, blobs)
        scripts = Scripts(
            op_table(), checkable(registry), powers, settings.run, {EntitySpace: space, ImageMethods: pictures}
        )

        # The wire: sessions, jobs, methods.
        self._sessions = Sessions()
        faults = Faults(powers.log, reference=lambda: powers.token_bytes(6).hex())
        metadata = Metadata(registry, endpoint_space)
        self._watch = MetadataWatch(self._kernel, metadata, self._sessions, powers)
        told = MetadataMethods(self._kernel, metadata, self._watch)
        assets = Assets(blobs, _subkey(folder.key, "assets"), tokens, self._kernel.owns)
        hosts, origins = local_names(settings.host, port)
        wire = Wire(assets, settings.limits)
        publisher = Publisher(self._sessions, wire, faults)
        self._runs = JobRuns(
            scripts,
            self._kernel,
            self._database,
            wire,
            clock=powers.clock,
            token_bytes=powers.token_bytes,
            key=_subkey(folder.key, "runs"),
            kinds=(entity_kind(space, self._kernel),),
        )
        self._saved_jobs = SavedJobs(self._database, clock=powers.clock)
        self._jobs = Jobs(powers, settings.limits, faults, publisher.publish, self._saved_jobs, self._runs)
        script_methods = ScriptMethods(scripts, self._jobs, self._runs, self._kernel, wire)
        endpoints = EndpointMethods(endpoint_space, self._kernel, scripts, self._jobs, self._runs, wire, powers)
        present = Present(self._sessions)
        self._errands = Errands(space, self._kernel, scripts, present, faults, powers)
        self._guests = Guests(settings.guests, self._kernel, powers.log)
        session_methods = SessionMethods(tokens, throttle, self._kernel, self._sessions, powers, self._guests)
        job_methods = JobMethods(self._jobs, self._runs, wire)
        gallery = Gallery(self._database, clock=powers.clock)
        asset_methods = AssetMethods(gallery, blobs, assets, settings.limits, powers.clock)
        capability_methods = CapabilityMethods(self._kernel, self._models, powers, (*settings.origins, *origins)[0])
        dispatcher = Dispatcher(
            script_methods,
            EntityMethods(space, self._kernel, script_methods, present, wire),
            session_methods,
            PrincipalMethods(principals, self._kernel, self._sessions, powers),
            job_methods,
            endpoints,
            asset_methods,
            capability_methods,
            told,
            version=__version__,
            welcome=session_methods.welcome,
        )

        # The same over HTTP, and in the shapes that other programs' clients know.
        self._job_routes = JobRoutes(job_methods, script_methods, self._sessions, settings.limits)
        self._waiting = Waiting(script_methods, self._jobs, self._runs, self._sessions, self._kernel)
        workbench = Pictures(self._engine.decoded)
        own, chosen = (*settings.origins, *origins), Chosen()
        api = Api(
            (
                self._job_routes,
                AssetRoutes(asset_methods, assets, workbench),
                CapabilityRoutes(capability_methods, told),
                EndpointRoutes(endpoints, self._jobs, wire),
                OpenAIRoutes(self._waiting, assets, workbench, capability_methods, powers.clock, own),
                A1111Routes(self._waiting, Running(self._waiting, powers.clock), chosen, assets, workbench),
                A1111Listing(self._waiting, chosen, capability_methods),
            ),
            (REST, OPENAI, A1111),
            tokens,
            self._guests,
            self._kernel,
            faults,
            settings.limits,
            __version__,
        )

        # The same for agents.
        tools = Tools(self._kernel, metadata, endpoints, script_methods, self._sessions, wire)
        self._agents = Agents(tools, tokens, self._guests, self._kernel, faults, settings.limits, __version__)

        # What listens: the gate, then HTTP and WebSockets.
        self._connections = 0

        async def attend(socket: WebSocket) -> None:
            if self._connections >= settings.limits.connections:
                await socket.close(TRY_AGAIN_LATER)
                return
            self._connections += 1
            connection = Connection(socket, dispatcher.call, faults, settings.limits)
            try:
                await connection.serve()
            finally:
                self._connections -= 1
                if connection.session is not None:
                    self._sessions.remove(connection.session.principal, connection)

        site = Site(web_bundle())
        self.asgi: ASGIApp = Gate(
            http.routes(
                attend,
                assets,
                site,
                tokens,
                [*api.routes, Route("/mcp", self._agents)],
                __version__,
                self.status,
            ),
            (*hosts, *settings.hosts),
            (*origins, *settings.origins),
        )

    async def start(self) -> None:
        """Take up what was accepted, release what else a crash left reserved, give the owner the roots, begin."""
        resumed = self._jobs.recover()
        self._kernel.calls.recover(resumed)
        self._runs.lost(resumed, self._saved_jobs.get)
        self._kernel.bootstrap(OWNER)
        self._guests.prepare()
        await self._engine.start(preload=self._preload)
        self._jobs.start_waiting()
        self._watching = asyncio.create_task(self._watch.run())
        self._errands.start()

    async def stop(self) -> None:
        """Stop every job, to be gone on with by the next server, and end the worker."""
        self._watching.cancel()
        self._job_routes.close()
        self._waiting.close()
        await self._agents.close()
        await self._errands.stop()
        await self._jobs.stop()
        await self._engine.close()

    def close(self) -> None:
        """Close the database and the folders; nothing may be called afterwards."""
        self._database.close()
        for folder in self._folders.values():
            folder.close()

    def status(self) -> dict[str, object]:
        """How the server is, for its owner."""
        return {
            "pid": os.getpid(),
            "connections": self._connections,
            "workers": [
                {
                    "state": worker.state.value,
                    "pid": worker.pid,
                    "device": worker.device,
                    "models": list(worker.models),
                    "memory": worker.memory,
                    "weights": worker.weights,
                    "budget": worker.budget,
                    "in_flight": worker.in_flight,
                    "crashes": worker.crashes,
                }
                for worker in self._engine.status().workers
            ],
        }


def compose(settings: Settings, powers: ServerPowers, folder: DataFolder, *, port: int) -> Application:
    """The server that listens on ``port`` with its state in ``folder``. Raises `StorageFailed`."""
    return Application(settings, powers, folder, port=port)


def _subkey(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose only."""
    return hashlib.blake2b(key, digest_size=32, person=purpose.encode()[:16]).digest()
