"""The composition root and the command line: reads the settings, builds the parts, and runs what is asked for."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import re
import signal
import socket
import sys
import tempfile
import tomllib
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from aiohttp import web
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableEnvironment
from rich.console import Console
from rich.table import Table

from engine.chat import Chats
from engine.extraction.breaker import Breaker
from engine.ports import Clock
from engine.rehearsal_report import dialogues, report_rehearsal
from engine.rulebook import Rulebook
from engine.rules_check import report_check
from engine.rules_replay import report_replay
from engine.rules_test import report_test
from engine.settings import EngineSettings
from engine.shelf import Shelf
from engine.understanding.report import LineError, read_instant, understand
from rules import facts_page
from rules.errors import RulesError
from rules.settings import RulesSettings
from storage import people, recorded, rulesets
from storage.agenda import AgendaSettings, read_hours
from storage.api_keys import SCOPES
from storage.database import Database
from storage.errors import StorageError
from storage.secret import Secret
from storage.settings import StorageSettings
from storage.users import Role
from transport.api import handing_out
from transport.api.routes import add_api
from transport.api.settings import ApiSettings
from transport.audio.recording import APOLOGY, read_recording
from transport.bridge.dialects import DIALECTS
from transport.calendar import commands as calendar_commands
from transport.calendar.feed import add_feeds
from transport.calendar.running import following
from transport.calendar.settings import CalendarSettings
from transport.clock import SystemClock
from transport.console import auditing, forgetting, user_commands
from transport.console.first_access import first_path
from transport.console.gate import Entrance
from transport.console.open_door import OpenDoor
from transport.console.routes import add_console
from transport.console.sessions import Sessions
from transport.console.settings import ConsoleSettings
from transport.console.sign_in import SignIn
from transport.errors import TransportError
from transport.gemini.client import make_client
from transport.gemini.extractor import GeminiExtractor
from transport.gemini.live import GeminiLive
from transport.gemini.settings import GeminiSettings
from transport.logs import set_up_logging
from transport.metrics import Metrics
from transport.public.routes import add_public
from transport.public.settings import PublicSettings
from transport.server import Parts, address_at, init_app, refuse_exposed, running, serve
from transport.settings import BridgeSettings, LoggingSettings, ServerSettings
from transport.simulation.calendar_by_hand import emulate
from transport.simulation.clock import ScaledClock
from transport.simulation.demo import run_demo
from transport.simulation.gemini_emulator import EMULATOR_KEY, GeminiEmulator
from transport.simulation.modem import MOST_CHARS_PER_S
from transport.simulation.scenarios import seed_demo
from transport.simulation.settings import DemoSettings
from transport.switchboard import Switchboard
from transport.tokens import BridgeTokens
from transport.typed import typed_phone
from transport.upkeep import close_left_behind, upkeep
from transport.workers import Workers, command_of_a_worker, reserved, with_parent

T = TypeVar("T")

_log = logging.getLogger("main")

ENV_PREFIX = "VBS_"
SECRETS = {
    "gemini_api_key": "GEMINI_API_KEY",
    "api_key": "GEMINI_API_KEY",
    "database_url": "DATABASE_URL",
    "journal_key": "JOURNAL_KEY",
    "bridge_tokens": "BRIDGE_TOKENS",
    "google_calendar_credentials": "GOOGLE_CALENDAR_CREDENTIALS",
}
_SECRET_NAME = re.compile("key|secret|password|token", re.IGNORECASE)
_FROM_ENVIRONMENT = (
    "secrets are set in the environment as GEMINI_API_KEY, DATABASE_URL, JOURNAL_KEY, BRIDGE_TOKENS and "
    "GOOGLE_CALENDAR_CREDENTIALS"
)
_LONGEST_TOKEN = 24 * 60  # minutes
_NOT_HERE = "a secret does not belong in the file; set {} in the environment"


class SettingsError(Exception):
    """Raised when the settings hold a bad value, an unknown key or a secret: one line a problem."""


class CommandError(Exception):
    """Raised when a command was given something that it cannot use."""


class Settings(BaseSettings):
    """All settings: one section a package, from config.toml; the environment (VBS_<SECTION>__<KEY>) wins."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    server: ServerSettings = Field(default_factory=ServerSettings)
    bridge: BridgeSettings = Field(default_factory=BridgeSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    gemini: GeminiSettings = Field(default_factory=GeminiSettings)
    rules: RulesSettings = Field(default_factory=RulesSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    calendar: CalendarSettings = Field(default_factory=CalendarSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    public: PublicSettings = Field(default_factory=PublicSettings)
    demo: DemoSettings = Field(default_factory=DemoSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)

    gemini_api_key: SecretStr | None = Field(None, validation_alias="GEMINI_API_KEY")
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    journal_key: SecretStr | None = Field(None, validation_alias="JOURNAL_KEY")
    bridge_tokens: SecretStr | None = Field(None, validation_alias="BRIDGE_TOKENS")
    google_calendar_credentials: SecretStr | None = Field(
        None, validation_alias="GOOGLE_CALENDAR_CREDENTIALS"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @property
    def shows_pages(self) -> bool:
        """Whether the pages are served."""
        return self.server.shows_pages(by_tls=bool(self.console.public_url))

    @property
    def store(self) -> StorageSettings:
        """The storage settings with the address from DATABASE_URL, when there is one."""
        if self.database_url is None:
            return self.storage
        return StorageSettings(**{**self.storage.model_dump(), "url": self.database_url.get_secret_value()})


def load_settings(path: Path = Path("config.toml")) -> Settings:
    """The settings in the TOML file at `path`, overridden by the environment.

    Raises SettingsError with one line a problem: the key, what was wrong, its value and what is allowed.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file (start in the project's folder, or name the file)"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    problems = [*_take_secrets(told), *_unknown_variables()]
    settings = None
    try:
        settings = Settings(**told)
        _ = settings.store
    except UnreadableEnvironment as error:
        problems.append(f"{ENV_PREFIX}…: {error}")
    except ValidationError as error:
        if settings is None:
            problems += [_problem(one) for one in error.errors()]
        else:
            problems += [f"DATABASE_URL: {one['msg']}" for one in error.errors()]
    if problems or settings is None:
        raise SettingsError("\n".join(problems))
    return settings


def _take_secrets(told: dict[str, Any]) -> Iterator[str]:
    """Remove what is secret from the file's values; one problem for each, without its value."""
    for place, table in (
        ("", told),
        *((f"{name}.", part) for name, part in told.items() if isinstance(part, dict)),
    ):
        for key in [key for key in table if key.lower() in SECRETS]:
            del table[key]
            yield f"{place}{key}: {_NOT_HERE.format(SECRETS[key.lower()])}"
    storage = told.get("storage")
    if isinstance(storage, dict) and re.search(
        r"://[^/@]*:[^/@]*@|[?&]password=", str(storage.get("url", ""))
    ):
        del storage["url"]
        yield f"storage.url: {_NOT_HERE.format('DATABASE_URL')}"


def _unknown_variables() -> Iterator[str]:
    """One problem for each environment variable with our prefix that names no section."""
    sections = [name for name, field in Settings.model_fields.items() if field.validation_alias is None]
    for name in sorted(os.environ):
        section, _, key = name.upper().removeprefix(ENV_PREFIX).partition("__")
        if name.upper().startswith(ENV_PREFIX) and (section.lower() not in sections or not key):
            secret = f"; {_FROM_ENVIRONMENT}" if _SECRET_NAME.search(name) else ""
            allowed = f"{ENV_PREFIX}<SECTION>__<KEY>; {', '.join(sections)}{secret}"
            yield f"{name}: unknown variable (allowed: {allowed})"


def _problem(error: Any) -> str:
    """One line for one error of pydantic's: the key, what was wrong, its value, what is allowed."""
    place = [str(part) for part in error["loc"]]
    where = ".".join(place)
    variable = ENV_PREFIX + "__".join(place).upper()
    if any(name.upper() == variable for name in os.environ):
        where = f"{where} ({variable})"
    allowed = _allowed(place)
    if error["type"] == "extra_forbidden":
        # What an unknown key holds may be a secret and is not shown.
        secret = f"; {_FROM_ENVIRONMENT}" if _SECRET_NAME.search(where) else ""
        return f"{where}: unknown key (allowed: {allowed}{secret})"
    value = re.sub(r"(://[^:/@]*:)[^@]*@", r"\1…@", repr(error["input"]))
    what = str(error.get("ctx", {}).get("error", error["msg"]))
    return f"{where}: {what[:1].lower() + what[1:]} (got {value}; allowed: {allowed})"


_BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}


def _allowed(place: list[str]) -> str:
    """What may stand at `place`: the known keys for an unknown one, else type and bounds of the value."""
    model: type[BaseModel] = Settings
    field = Settings.model_fields.get(place[0])
    if field is not None and len(place) > 1 and isinstance(field.annotation, type):
        model = field.annotation
    name = place[-1]
    if name not in model.model_fields:
        return ", ".join(key for key, known in model.model_fields.items() if known.validation_alias is None)
    schema = model.model_json_schema(by_alias=False)["properties"][name]
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "type" not in schema:
        return "a section with keys"
    parts = [{"boolean": "true or false", "string": "text"}.get(schema["type"], schema["type"])]
    parts += [f"{word} {schema[bound]:g}" for bound, word in _BOUNDS.items() if bound in schema]
    parts += ["not empty"] if schema.get("minLength") else []
    parts += [f"such as {', '.join(schema['examples'])}"] if "examples" in schema else []
    parts += [f"of the form {schema['pattern']}"] if "pattern" in schema else []
    return " ".join(parts)


# --- The parts ----------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def switchboard(settings: Settings, database: Database, clock: Clock) -> AsyncIterator[Switchboard]:
    """The parts that answer calls, over an open `database`; the Gemini emulator too, where the settings ask for it.

    Raises TransportError without a key, RulesError for rule files that cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        gemini, engine, key, tls = settings.gemini, settings.engine, _api_key(settings), None
        if gemini.emulator:
            emulator = await stack.enter_async_context(_emulator(clock))
            gemini = gemini.model_copy(update={"base_url": emulator.base_url})
            key, tls = EMULATOR_KEY, emulator.tls
            engine = engine.model_copy(update={"chars_per_s": MOST_CHARS_PER_S})
        client = make_client(gemini, key, tls)
        stack.push_async_callback(client.aio.aclose)
        shelf = Shelf(settings.rules.directory, database, clock.now)
        await shelf.open()
        await stack.enter_async_context(_beside(shelf.watch(clock, settings.rules.look_s), "rules"))
        metrics = Metrics()
        breaker = Breaker(clock, failures=gemini.extraction_failures, rest_s=gemini.extraction_rest_s)
        elsewhere = await stack.enter_async_context(
            following(database, clock, settings.calendar, _calendar_key(settings), settings.server.identity)
        )
        board = Switchboard(
            database=database,
            clock=clock,
            model=GeminiLive(client, gemini),
            shelf=shelf,
            extractor=lambda rulebook: breaker.guard(
                metrics.timed(GeminiExtractor(client, gemini, rulebook.extraction, clock), clock)
            ),
            settings=engine,
            server=settings.server.identity,
            apology=read_recording(Path(settings.bridge.apology or APOLOGY)),
            metrics=metrics,
            elsewhere=elsewhere,
        )
        await stack.enter_async_context(_beside(board.handover.watch(), "handover"))
        yield board


@contextlib.asynccontextmanager
async def _emulator(clock: Clock) -> AsyncIterator[GeminiEmulator]:
    """Gemini's stand-in on the wire; the production client is pointed at it by settings alone."""
    emulator = GeminiEmulator(clock=clock)
    await emulator.start()
    try:
        yield emulator
    finally:
        await emulator.stop()


def _api_key(settings: Settings) -> str:
    return settings.gemini_api_key.get_secret_value() if settings.gemini_api_key else ""


def _calendar_key(settings: Settings) -> str | None:
    told = settings.google_calendar_credentials
    return told.get_secret_value() if told is not None and told.get_secret_value().strip() else None


def journal_secret(settings: Settings) -> Secret:
    """The journal's: from the environment, else from its file, which is made when it is missing."""
    if settings.journal_key is not None:
        return Secret(settings.journal_key.get_secret_value())
    return Secret.kept(settings.store.key_file)


def bridge_tokens(settings: Settings) -> BridgeTokens | None:
    """What bridges must show, from the environment; None when everybody may come in."""
    if settings.bridge_tokens is None:
        return None
    return BridgeTokens(settings.bridge_tokens.get_secret_value())


def open_database(storage: StorageSettings, secret: Secret | None = None) -> Database:
    """The store, open and migrated; without a `secret` for a database that is thrown away.

    Raises StorageError when it cannot be reached.
    """
    database = Database(storage, secret).open()
    try:
        for name in database.migrate():
            _log.info("database: applied %s", name)
    except BaseException:
        database.close()
        raise
    return database


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Let `work` run as long as the block does."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def server_parts(board: Switchboard, settings: Settings, entrance: Entrance) -> Parts:
    """What the HTTP server is put together from; `entrance` tells the pages who asks."""

    def pages(app: web.Application) -> None:
        add_console(
            app,
            board.database,
            entrance,
            lambda: board.shelf.refused,
            settings=settings.console,
            now=board.clock.now,
        )

    def api(app: web.Application) -> None:
        chats = Chats(
            board.database,
            board.clock,
            board.shelf.current,
            board.extractor,
            watch=board.metrics.analysed,
            elsewhere=board.elsewhere,
        )
        add_api(app, board.database, board.clock, chats, settings.api, elsewhere=board.elsewhere)

    def public(app: web.Application) -> None:
        pages = settings.console
        add_public(
            app,
            board.database,
            board.clock,
            settings.public,
            public_url=pages.public_url,
            proxies=pages.trusted,
            elsewhere=board.elsewhere,
        )

    return Parts(
        answer=board.answer,
        clock=board.clock,
        bridge=settings.bridge,
        pages=pages if settings.shows_pages else None,
        api=api,
        feeds=lambda app: add_feeds(app, board.database, board.clock),
        public=public,
        tokens=bridge_tokens(settings),
        metrics=board.metrics,
    )


# --- Commands ------------------------------------------------------------


def command_serve(settings: Settings, told: argparse.Namespace) -> int:
    """Answer calls until SIGTERM."""
    if not settings.gemini.emulator and not _api_key(settings):
        raise TransportError(
            "serve needs a Gemini key: set GEMINI_API_KEY in the environment "
            "(or VBS_GEMINI__EMULATOR=true to try the server without Gemini)"
        )
    refuse_exposed(settings.server, locked=bridge_tokens(settings) is not None)
    workers = told.workers or settings.server.workers
    if workers > 1 and not told.worker:
        return _serve_by_workers(settings, workers, told.config)
    clock, database = SystemClock(), open_database(settings.store, journal_secret(settings))

    async def run() -> None:
        started = clock.now()
        if not await database.run(people.consultants):
            _log.warning(
                'there is no consultant yet, so no call can be taken: python main.py db consultant "NAME"'
            )
        async with (
            switchboard(settings, database, clock) as board,
            upkeep(database, clock, settings.store, board.live, board.metrics.given_up),
            with_parent(clock) if told.worker else contextlib.nullcontext(),
        ):
            entrance = SignIn(Sessions(database, clock, settings.console))
            app = init_app(server_parts(board, settings, entrance))

            async def ready(address: str) -> None:
                await close_left_behind(database, settings.server.identity, started)
                _say_address(address, settings)
                if not told.worker:
                    _say_first_link(address, await database.run(lambda: _first_path(settings)), settings)

            with _listening(settings.server, "VBS_SERVER__PORT"):
                await serve(app, settings.server, ready=ready, share_port=told.worker)

    try:
        uvloop.run(run())
    finally:
        database.close()
    return 0


def _serve_by_workers(settings: Settings, count: int, config: Path) -> int:
    """The parent of `count` servers on one port; each is a server of its own to the store."""
    # Tables and key are there before they start; the link of the first user, which any of them honours, is ours to say.
    first = _in_store(settings, lambda: _first_path(settings))
    server = settings.server
    with _listening(server, "VBS_SERVER__PORT"), reserved(server) as port:

        def environment(number: int) -> dict[str, str]:
            return {"VBS_SERVER__PORT": str(port), "VBS_SERVER__NAME": f"{server.identity}/{number}"}

        def ready(said: str) -> None:
            print(said, flush=True)
            _say_first_link(address_at(server, port), first, settings)

        workers = Workers(count, command_of_a_worker(str(config)), environment, SystemClock())
        return asyncio.run(workers.run(ready))


_CANNOT_LISTEN = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


@contextlib.contextmanager
def _listening(where: ServerSettings, variable: str) -> Iterator[None]:
    """Raises TransportError when the address cannot be listened on; `variable` is what sets its port."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_LISTEN and not isinstance(error, socket.gaierror):
            raise
        if error.errno == errno.EADDRINUSE:
            told = f"{where.host}:{where.port} is taken: set {variable} to another port"
        else:
            told = f"{where.host}:{where.port} cannot be listened on: {os.strerror(error.errno or 0)}"
            if isinstance(error, socket.gaierror):
                told = f"{where.host}: no such address to listen on: set VBS_SERVER__HOST"
        raise TransportError(told) from error


def _first_path(settings: Settings) -> str | None:
    """Of the link that makes the first user, which is for whoever starts the server on their own machine."""
    if not (settings.server.loopback and settings.shows_pages):
        return None
    return first_path(settings.console, now=SystemClock().now())


def _say_first_link(address: str, path: str | None, settings: Settings) -> None:
    if path is not None:
        link, minutes = f"{settings.console.public_url or address}{path}", settings.console.first_link_minutes
        print(f"There is no user yet. Make the first one within {minutes} minutes: {link}", flush=True)


def _say_address(address: str, settings: Settings) -> None:
    pages = f"{settings.console.public_url or address}/chiamate"
    if not settings.shows_pages:
        pages = "not served (server.pages, console.public_url)"
    bridges = address.replace("http", "ws", 1) + ", ".join(DIALECTS)
    print(f"Bridge: {bridges}   Pages: {pages}", flush=True)


def _address(settings: Settings) -> str:
    """Where people find the server, whether it runs or not."""
    return settings.console.public_url or address_at(settings.server, settings.server.port)


def command_bridge_token(settings: Settings, told: argparse.Namespace) -> int:
    """Print a signed token for a bridge that can set no header: its URL ends with ?token=…"""
    tokens = bridge_tokens(settings)
    if tokens is None:
        raise CommandError("there is no token to sign with: set BRIDGE_TOKENS in the environment")
    print(tokens.sign(SystemClock().now() + timedelta(minutes=told.minutes)))
    return 0


def _minutes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= _LONGEST_TOKEN:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes from 1 to {_LONGEST_TOKEN}")
    return int(text)


def command_rehearse(settings: Settings, arguments: argparse.Namespace) -> int:
    """Play written dialogues through engine, rules, machine and an in-memory store, and check them."""
    rulebook = Rulebook.read(settings.rules.directory)
    if not (files := dialogues(arguments.paths)):
        print(f"no dialogue (*.toml) in {', '.join(map(str, arguments.paths))}", file=sys.stderr)
        return 2
    return report_rehearsal(files, rulebook, store_in_memory, print, as_json=arguments.json)


def command_understand(settings: Settings, arguments: argparse.Namespace) -> int:
    """Say what each line of standard input means, one JSON object a line: acts, dates, times, contacts, readback."""
    phrases = Rulebook.read(settings.rules.directory).phrases
    try:
        for raw in sys.stdin.buffer:
            now = arguments.now or SystemClock().now()
            sys.stdout.buffer.write(understand(raw, now, phrases) + b"\n")
            sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody reads on, as with "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def store_in_memory() -> Iterator[Database]:
    """An empty store for one dialogue."""
    with Database("sqlite:///:memory:") as database:
        database.create_tables()
        yield database


def command_demo(settings: Settings, arguments: argparse.Namespace) -> int:
    """Start the server on embedded defaults, play calls through it, and say where to look."""
    # A store of its own, so that the demo neither finds nor leaves anything in yours.
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        database = open_database(StorageSettings(url=f"sqlite:///{folder}/demo.db"))
        try:
            return uvloop.run(_demo(settings, database, once=arguments.once))
        finally:
            database.close()


async def _demo(settings: Settings, database: Database, *, once: bool) -> int:
    clock = ScaledClock(settings.demo.speed)
    scenarios = await database.run(lambda: seed_demo(clock.now()))
    embedded = settings.model_copy(
        update={
            "gemini": GeminiSettings(emulator=True),
            "bridge": BridgeSettings(),
            "server": ServerSettings(),
            "console": ConsoleSettings(),
            "bridge_tokens": None,
            "google_calendar_credentials": None,
        }
    )
    where = ServerSettings(port=0 if once else settings.demo.port, drain_s=0)
    console = Console()
    async with contextlib.AsyncExitStack() as stack:
        board = await stack.enter_async_context(switchboard(embedded, database, clock))
        parts = server_parts(board, embedded, OpenDoor())  # everything in it is made up
        address = await stack.enter_async_context(_demo_server(parts, where))
        passed = await run_demo(address, database, clock, console, scenarios, settings.demo)
        if not once:
            console.print(f"\nThe calls: {address}/chiamate   (Ctrl-C ends the demo)")
            await _until_stopped()
    return 0 if passed else 1


@contextlib.asynccontextmanager
async def _demo_server(parts: Parts, where: ServerSettings) -> AsyncIterator[str]:
    """Serve the demo; a free port stands in for the default one when that is taken."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            with _listening(where, "VBS_DEMO__PORT"):
                address = await stack.enter_async_context(running(init_app(parts), where))
        except TransportError:
            if where.port != DemoSettings().port:
                raise
            free = where.model_copy(update={"port": 0})
            address = await stack.enter_async_context(running(init_app(parts), free))
        yield address


async def _until_stopped() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


# --- The store's commands ------------------------------------------------------------


def db_migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Bring the store to the current schema."""
    with Database(settings.store) as database:
        for name in database.migrate() or ["nothing to do"]:
            print(name)
    return 0


def db_status(settings: Settings, _: argparse.Namespace) -> int:
    """Say which migrations are applied, and whose agendas there are."""
    with Database(settings.store) as database:
        steps = database.migration_status()
        for name, applied in steps:
            print(f"{'applied' if applied else 'missing'}  {name}")
        current = all(applied for _, applied in steps)
        for known in database.run_blocking(people.consultants) if current else ():
            print(f"consultant {known.id}: {known.name} ({known.zone})")
    return 0 if current else 1


def db_consultant(settings: Settings, told: argparse.Namespace) -> int:
    """Add a consultant: somebody whose time is booked."""
    agenda = AgendaSettings(weekly_hours=read_hours(told.hours)) if told.hours else AgendaSettings()
    transfer = _phone(told.transfer) if told.transfer else None
    number = _in_store(
        settings,
        lambda: people.add_consultant(told.name, agenda, zone=told.zone, transfer_number=transfer),
    )
    print(f"consultant {number}")
    return 0


def db_transfer(settings: Settings, told: argparse.Namespace) -> int:
    """Set the number at which a person answers callers who ask for one, or take it away."""
    number = None if told.number == "none" else _phone(told.number)
    _in_store(settings, lambda: people.set_transfer_number(told.consultant or _only_consultant(), number))
    print("no calls are transferred" if number is None else f"calls are transferred to {number}")
    return 0


def db_client(settings: Settings, told: argparse.Namespace) -> int:
    """Add a registered client, who is known by the number that calls."""
    phone = _phone(told.phone)
    number = _in_store(
        settings,
        lambda: people.add_client(
            told.name, phone, consultant_id=told.consultant or _only_consultant(), email=told.email
        ),
    )
    print(f"client {number}")
    return 0


def db_call(settings: Settings, told: argparse.Namespace) -> int:
    """Note an outbound call to be placed; prints the id that the bridge sends back in its metadata."""
    name, target = uuid.uuid4().hex, _phone(told.target)

    def add() -> None:
        client = people.client(told.client) if told.client else None
        consultant = told.consultant or (client.consultant_id if client else _only_consultant())
        known = people.consultant(consultant)
        due = told.at or SystemClock().now()
        if due.tzinfo is None and known is not None:
            due = due.replace(tzinfo=known.zone)
        people.add_scheduled_call(
            name,
            consultant_id=consultant,
            target_number=target,
            due_at=due,
            client_id=told.client,
            purpose=told.purpose,
        )

    _in_store(settings, add)
    print(f"scheduledCallId {name}")
    return 0


def _store(settings: Settings) -> contextlib.closing[Database]:
    """The store, open and migrated, with its secret."""
    return contextlib.closing(open_database(settings.store, journal_secret(settings)))


def _in_store(settings: Settings, work: Callable[[], T]) -> T:
    with _store(settings) as database:
        return database.run_blocking(work)


def _only_consultant() -> int:
    return people.only_consultant("name one with --consultant ID")


def _phone(written: str) -> str:
    number = typed_phone(written)
    if number is None:
        raise CommandError(
            f"{written!r} is no whole phone number: write it as +393401234567 (without a prefix it is Italian)"
        )
    return number


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant such as 2026-02-11T15:00") from None


def _local_instant(text: str) -> datetime:
    try:
        return read_instant(text)
    except LineError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# --- The rules' commands ------------------------------------------------------------


def rules_facts(_: Settings, told: argparse.Namespace) -> int:
    """Print what rules may look at and ask for."""
    if told.markdown:
        print(facts_page.page(), end="")
        return 0
    console = Console()
    for columns, rows in (
        (facts_page.FACT_COLUMNS, facts_page.fact_rows()),
        (facts_page.EVENT_COLUMNS, facts_page.event_rows()),
        (facts_page.COMMAND_COLUMNS, facts_page.command_rows()),
    ):
        table = Table(*columns)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    return 0


def rules_check(settings: Settings, told: argparse.Namespace) -> int:
    """Say everything that is wrong with rule files; non-zero if they cannot be used."""
    return report_check(told.directory or settings.rules.directory, print, as_json=told.json)


def rules_test(settings: Settings, told: argparse.Namespace) -> int:
    """Play all example dialogues under edited rules; non-zero if one fails."""
    in_force = settings.rules.directory
    edited = told.directory or in_force
    own = edited / "examples"
    examples = told.examples or (own if own.is_dir() else in_force / "examples")
    if not (paths := dialogues([examples]) if examples.exists() else []):
        raise CommandError(f"no dialogue (*.toml) in {examples}")
    return report_test(paths, edited, in_force, store_in_memory, Console(), coverage=told.coverage)


def rules_replay(settings: Settings, told: argparse.Namespace) -> int:
    """Decide recorded calls again, by the rules they went by or by edited ones; nothing is written."""
    with Database(settings.store) as database:
        ids = database.run_blocking(lambda: recorded.ended_calls(told.since))
        return report_replay(
            ids,
            lambda call_id: database.run_blocking(lambda: recorded.recorded_call(call_id)),
            lambda version: database.run_blocking(lambda: rulesets.texts(version)),
            told.rules,
            Console(),
            _address(settings),
        )


# --- The journal's commands ------------------------------------------------------------


def journal_verify(settings: Settings, told: argparse.Namespace) -> int:
    """Find any altered, missing, reordered or cut off entry; exit status 1 if there is one."""
    own = _own_public_key(settings)
    trusted = {*told.trust, *([own] if own else [])}
    if not trusted:
        raise CommandError(
            "no key to trust: set JOURNAL_KEY, run where the journal's key file is, or name a public key with --trust"
        )
    return auditing.verify(settings.store, trusted, call_id=told.call, anchor=told.anchor)


def journal_export(settings: Settings, told: argparse.Namespace) -> int:
    """Write the journal and its verifier into a new folder."""
    own = _own_public_key(settings)
    if own is None:
        raise CommandError("the journal's key is not here: set JOURNAL_KEY, or run where its key file is")
    since = told.since.astimezone() if told.since else None
    return auditing.write_export(
        settings.store, told.folder, form=told.format, public_key=own, call_id=told.call, since=since
    )


def journal_show(settings: Settings, told: argparse.Namespace) -> int:
    """Tell a call as a story, in Italian."""
    with _store(settings) as database:
        return auditing.show(database, told.call)


def journal_key(settings: Settings, _: argparse.Namespace) -> int:
    """Print the public key that the journal is signed with; auditors should have it from you, not from the export."""
    print(journal_secret(settings).public_key)
    return 0


def privacy_erase(settings: Settings, told: argparse.Namespace) -> int:
    """Erase a person's data; says first what there is, and does nothing without --yes or --cancel-bookings."""
    if not (told.phone or told.email or told.client):
        raise CommandError("name the person: --phone, --email or --client")
    phones = [_phone(written) for written in told.phone]
    with _store(settings) as database:
        return forgetting.erase(
            database,
            phones=phones,
            emails=told.email,
            clients=told.client,
            yes=told.yes,
            cancel_bookings=told.cancel_bookings,
            now=SystemClock().now(),
        )


def api_key_add(settings: Settings, told: argparse.Namespace) -> int:
    """Make a key for an integration and print it, this once."""
    with _store(settings) as database:
        return handing_out.add(database, told.integration, told.scope, SystemClock().now())


def api_key_list(settings: Settings, _: argparse.Namespace) -> int:
    """List the keys of integrations, without their secrets."""
    with _store(settings) as database:
        return handing_out.show(database)


def api_key_revoke(settings: Settings, told: argparse.Namespace) -> int:
    """Accept a key no more, from its next request on."""
    with _store(settings) as database:
        return handing_out.revoke(database, told.key, SystemClock().now())


def calendar_show(settings: Settings, _: argparse.Namespace) -> int:
    """Say which calendars follow whom, what is open, and what was given up (then the status is 1)."""
    with _store(settings) as database:
        return calendar_commands.show(database)


def calendar_set(settings: Settings, told: argparse.Namespace) -> int:
    """Let a Google calendar follow a consultant's bookings (or none, without one)."""
    with _store(settings) as database:
        return calendar_commands.set_calendar(
            database, told.consultant, told.calendar, now=SystemClock().now()
        )


def calendar_feed(settings: Settings, told: argparse.Namespace) -> int:
    """Print a new secret address to subscribe to a consultant's bookings at; the one before ends."""
    with _store(settings) as database:
        return calendar_commands.feed(database, told.consultant, _address(settings), revoke=told.revoke)


def calendar_retry(settings: Settings, told: argparse.Namespace) -> int:
    """Try again what was given up: one task by its number, or all."""
    with _store(settings) as database:
        return calendar_commands.retry(database, told.task, now=SystemClock().now())


def calendar_emulator(_: Settings, told: argparse.Namespace) -> int:
    """Stand in for Google Calendar on loopback, to try a server by hand."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(emulate(told.port, tuple(told.calendar)))
    return 0


# --- The console's users ------------------------------------------------------------


def users_add(settings: Settings, told: argparse.Namespace) -> int:
    """Let somebody sign in to the console; their password is asked for, or read from standard input."""
    now = SystemClock().now()
    with _store(settings) as database:
        return user_commands.add(database, told.name, told.role, told.consultant, now=now)


def users_list(settings: Settings, _: argparse.Namespace) -> int:
    """Say who may sign in, and who is signed in."""
    with _store(settings) as database:
        return user_commands.show(database, settings.console, now=SystemClock().now())


def users_disable(settings: Settings, told: argparse.Namespace) -> int:
    """Let a user sign in no more, at once; --undo lets them again."""
    with _store(settings) as database:
        return user_commands.disable(database, told.name, now=SystemClock().now(), undo=told.undo)


def users_password(settings: Settings, told: argparse.Namespace) -> int:
    """Give a user another password; their sessions end, and they need not wait any more after failed tries."""
    with _store(settings) as database:
        return user_commands.password(database, settings.console, told.name)


def _own_public_key(settings: Settings) -> str | None:
    """The public half of the journal's key, when that is here; nothing is made."""
    if settings.journal_key is not None:
        return journal_secret(settings).public_key
    known = Secret.read(settings.store.key_file)
    return None if known is None else known.public_key


# --- Command line ------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="main.py", description="Voice Booking Supervisor")
    top.add_argument(
        "--config", type=Path, default=Path("config.toml"), help="settings file (default: config.toml)"
    )
    commands = top.add_subparsers(dest="command", required=True)

    def command(
        name: str, run: Callable[[Settings, argparse.Namespace], int], among: Any = commands
    ) -> argparse.ArgumentParser:
        what = (run.__doc__ or "").split("\n")[0]
        added: argparse.ArgumentParser = among.add_parser(name, help=what, description=what)
        added.set_defaults(run=run)
        return added

    served = command("serve", command_serve)
    served.add_argument(
        "--workers",
        type=int,
        choices=range(1, 65),
        metavar="N",
        help="processes on the port (default: server.workers)",
    )
    served.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    token = command("bridge-token", command_bridge_token)
    token.add_argument(
        "--minutes",
        type=_minutes,
        default=5,
        metavar="N",
        help=f"how long a call may begin with it, 1 to {_LONGEST_TOKEN} (default: 5)",
    )
    demo = command("demo", command_demo)
    demo.add_argument(
        "--once", action="store_true", help="end after the calls; non-zero if any outcome differs"
    )
    rehearsal = command("rehearse", command_rehearse)
    rehearsal.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="dialogue files, or folders of them"
    )
    rehearsal.add_argument("--json", action="store_true", help="one JSON object a dialogue")
    lines = command("understand", command_understand)
    lines.add_argument(
        "--now",
        type=_local_instant,
        metavar="ISO",
        help="when it is said, Rome unless it says a zone (default: now)",
    )
    _add_rules_commands(
        commands.add_parser("rules", help="The rule files: what they may say, and whether they are right."),
        command,
    )
    _add_store_commands(commands.add_parser("db", help="The store: schema, people, calls to place."), command)
    _add_journal_commands(
        commands.add_parser("journal", help="The journal: verify, export, read it."), command
    )
    _add_calendar_commands(commands.add_parser("calendar", help="Calendars that follow bookings."), command)
    _add_key_commands(commands.add_parser("api-key", help="The keys of integrations."), command)
    _add_users_commands(commands.add_parser("users", help="Who may sign in to the console."), command)
    person = commands.add_parser("privacy", help="Personal data.").add_subparsers(dest="what", required=True)
    erase = command("erase", privacy_erase, person)
    erase.add_argument(
        "--phone", action="append", default=[], metavar="NUMBER", help="may be repeated, like the next two"
    )
    erase.add_argument("--email", action="append", default=[], metavar="ADDRESS")
    erase.add_argument("--client", action="append", default=[], type=int, metavar="ID")
    what = erase.add_mutually_exclusive_group()
    what.add_argument(
        "--yes", action="store_true", help="erase; bookings to come stay in the agenda without a name"
    )
    what.add_argument("--cancel-bookings", action="store_true", help="erase; bookings to come are cancelled")
    return top


def _add_calendar_commands(
    calendar: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]
) -> None:
    among = calendar.add_subparsers(dest="what", required=True)
    command("show", calendar_show, among)
    chosen = command("set", calendar_set, among)
    chosen.add_argument("consultant", type=int, metavar="CONSULTANT", help="the consultant's number")
    chosen.add_argument("calendar", nargs="?", metavar="CALENDAR", help="the id of the calendar")
    fed = command("feed", calendar_feed, among)
    fed.add_argument("consultant", type=int, metavar="CONSULTANT", help="the consultant's number")
    fed.add_argument("--revoke", action="store_true", help="only end the one there is")
    again = command("retry", calendar_retry, among)
    again.add_argument("task", type=int, nargs="?", metavar="TASK", help="its number (default: all)")
    stand_in = command("emulator", calendar_emulator, among)
    stand_in.add_argument("--port", type=int, default=0, metavar="N", help="default: any free one")
    stand_in.add_argument(
        "--calendar", action="append", default=["primary"], metavar="ID", help="may be repeated"
    )


def _add_key_commands(keys: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]) -> None:
    among = keys.add_subparsers(dest="what", required=True)
    add = command("add", api_key_add, among)
    add.add_argument("integration", metavar="INTEGRATION", help="whose: small letters, digits and dashes")
    add.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="what it may do, may be repeated (default: everything)",
    )
    command("list", api_key_list, among)
    revoke = command("revoke", api_key_revoke, among)
    revoke.add_argument("key", metavar="KEY", help="its id, as the list shows it")


def _add_rules_commands(
    rules: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]
) -> None:
    what = rules.add_subparsers(dest="what", required=True)
    facts = command("facts", rules_facts, what)
    facts.add_argument("--markdown", action="store_true", help="the page docs/fatti.md")
    check = command("check", rules_check, what)
    check.add_argument("--json", action="store_true", help="one JSON object a mistake")
    test = command("test", rules_test, what)
    test.add_argument(
        "--examples",
        type=Path,
        metavar="DIR",
        help="the dialogues (default: those in the folder, or those of the rules in force)",
    )
    test.add_argument("--coverage", action="store_true", help="name every phrase that no dialogue says")
    again = command("replay", rules_replay, what)
    again.add_argument(
        "--since",
        type=_local_instant,
        metavar="ISO",
        help="only calls from then on, Rome unless it says a zone",
    )
    again.add_argument(
        "--rules", type=Path, metavar="DIR", help="edited rule files (default: the rules each call went by)"
    )
    for command_of_a_folder in (check, test):
        command_of_a_folder.add_argument(
            "directory",
            type=Path,
            nargs="?",
            metavar="DIR",
            help="folder of rule files (default: the one in the settings)",
        )


def _add_journal_commands(
    journal: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]
) -> None:
    among = journal.add_subparsers(dest="what", required=True)
    verify = command("verify", journal_verify, among)
    verify.add_argument("--call", metavar="ID", help="only this call (default: all)")
    verify.add_argument(
        "--trust", action="append", default=[], metavar="KEY", help="a public key that may have signed too"
    )
    verify.add_argument(
        "--anchor", metavar="NUMBER:HASH", help="a last checkpoint noted before, which must still be there"
    )
    export = command("export", journal_export, among)
    export.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    export.add_argument("--call", metavar="ID", help="only this call")
    export.add_argument(
        "--since", type=_instant, metavar="ISO", help="only calls with something recorded since"
    )
    show = command("show", journal_show, among)
    show.add_argument("call", metavar="CALL")
    command("key", journal_key, among)


def _add_users_commands(
    users: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]
) -> None:
    what = users.add_subparsers(dest="what", required=True)
    add = command("add", users_add, what)
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "--role", type=Role, choices=list(Role), action="append", required=True, help="may be repeated"
    )
    add.add_argument(
        "--consultant",
        type=int,
        metavar="ID",
        help="whose agenda a consulente has (default: the only one there is)",
    )
    command("list", users_list, what)
    disable = command("disable", users_disable, what)
    disable.add_argument("name", metavar="NAME")
    disable.add_argument("--undo", action="store_true", help="let them sign in again")
    command("password", users_password, what).add_argument("name", metavar="NAME")


def _add_store_commands(db: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]) -> None:
    store = db.add_subparsers(dest="what", required=True)
    command("migrate", db_migrate, store)
    command("status", db_status, store)
    consultant = command("consultant", db_consultant, store)
    consultant.add_argument("name", metavar="NAME")
    consultant.add_argument("--zone", default="Europe/Rome", help="time zone (default: Europe/Rome)")
    consultant.add_argument(
        "--hours",
        action="append",
        metavar="LINE",
        help="opening hours, may be repeated (default: 'lun-ven 09:00-13:00 14:00-18:00')",
    )
    consultant.add_argument(
        "--transfer",
        metavar="NUMBER",
        help="where a person answers callers who ask for one (default: nowhere)",
    )
    transfer = command("transfer", db_transfer, store)
    transfer.add_argument("number", metavar="NUMBER", help="the number, or none")
    client = command("client", db_client, store)
    client.add_argument("name", metavar="NAME")
    client.add_argument("phone", metavar="PHONE")
    client.add_argument("--email")
    call = command("call", db_call, store)
    call.add_argument("target", metavar="TARGET", help="the number to dial")
    call.add_argument("--client", type=int, metavar="ID", help="the client who is called, if it is one")
    call.add_argument(
        "--at", type=_instant, metavar="ISO", help="when, local unless it says a zone (default: now)"
    )
    call.add_argument("--purpose", help="what the call is about, told to the assistant")
    for command_of_one in (client, call, transfer):
        command_of_one.add_argument(
            "--consultant", type=int, metavar="ID", help="whose agenda (default: the only one there is)"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    told = parser().parse_args(arguments)
    try:
        run: Callable[[Settings, argparse.Namespace], int] = told.run
        settings = load_settings(told.config)
        set_up_logging(settings.logging, least=logging.NOTSET if told.command == "serve" else logging.ERROR)
        return run(settings, told)
    except (SettingsError, CommandError, RulesError, StorageError, TransportError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
