"""Settings, read once at the edge: a TOML file, then environment variables over it.

The file is the one named by ``RECOGNIZER_SETTINGS``, else ``recognizer.toml`` in the user's
configuration folder, else none. Every field can be set by the environment as
``RECOGNIZER_<SECTION>_<FIELD>`` (``RECOGNIZER_RECOGNITION_ENGINE=whisper``); lists of paths use
the system's path separator.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs

from recognizer.base.data_files import TomlFile, read_toml
from recognizer.base.errors import SettingsError
from recognizer.base.whole_files import is_url

__all__ = [
    "AnnouncementSettings",
    "JournalSettings",
    "LiveSettings",
    "PhraseSettings",
    "RecognitionSettings",
    "ServerSettings",
    "Settings",
    "load_settings",
]


class RecognitionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How recordings are heard.

    Attributes
    ----------
    engine : `auto` (the best that is installed), `t-one`, `gigaam-v3`, `vosk` or `whisper`.
    channel : `auto`, `mix`, or a channel number from 0.
    script_file : what the office's own agents say; None: the shipped sample.
    threads : CPU threads a call may use.
    models_dir : where installed speech models lie; None: the user's data folder.
    calibration_file : an engine's confidence fitted on own clips (`recognizer evaluate --fit`);
        None: as shipped.
    max_duration_s : longest recording that is heard, seconds; the server has a limit of its own.
    """

    engine: str = "auto"
    channel: Annotated[str, msgspec.Meta(pattern="^(auto|mix|[0-9]+)$")] = "auto"
    script_file: Path | None = None
    threads: int = 1
    models_dir: Path | None = None
    calibration_file: Path | None = None
    max_duration_s: float = 14_400.0

    @property
    def models_folder(self) -> Path:
        """Folder of the installed models."""
        return self.models_dir or platformdirs.user_data_path("recognizer") / "models"


class PhraseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrase lists.

    Attributes
    ----------
    folders : folders read after the shipped lists.
    replace : True: only `folders` are read, not the shipped lists.
    office_dir : folder of phrases added on the operators' page, read last where it has any;
        None: `phrases` in the user's data folder.
    """

    folders: tuple[Path, ...] = ()
    replace: bool = False
    office_dir: Path | None = None

    @property
    def office_folder(self) -> Path:
        """Folder of the phrases added on the operators' page."""
        return self.office_dir or platformdirs.user_data_path("recognizer") / "phrases"


class AnnouncementSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Announcements learned once.

    Attributes
    ----------
    dir : folder of the learned announcements; None: `announcements` in the user's data folder.
    min_numbers : a part is offered once calls to so many numbers had it.
    """

    dir: Path | None = None
    min_numbers: Annotated[int, msgspec.Meta(ge=2)] = 5

    @property
    def folder(self) -> Path:
        """Folder of the learned announcements."""
        return self.dir or platformdirs.user_data_path("recognizer") / "announcements"


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The journal.

    Attributes
    ----------
    url : SQLAlchemy URL; empty: `journal.sqlite3` in the user's data folder.
    office_file : numbers of the company and of its employees; None: the shipped sample.
    regulation_file : rules; None: the shipped ones.
    columns_file : headings of the CRM's files of cards; None: the shipped ones.
    max_marked_share : of the cards an import adds or changes, how many, 0 to 1, it may lead to
        mark without a call before it asks.
    """

    url: str = ""
    office_file: Path | None = None
    regulation_file: Path | None = None
    columns_file: Path | None = None
    max_marked_share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.05

    @property
    def journal_url(self) -> str:
        """SQLAlchemy URL of the journal."""
        if self.url:
            return self.url
        return f"sqlite:///{platformdirs.user_data_path('recognizer') / 'journal.sqlite3'}"


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`recognizer serve`.

    Attributes
    ----------
    host, port : where it listens; any host but the machine itself needs API keys.
    workers : recognition processes; 0: one a processor core.
    state_dir : uploads in work, jobs, keys; None: the user's state folder.
    max_upload_bytes : largest recording taken.
    max_duration_s : longest recording taken, seconds.
    max_uploads : uploads received at one time; more are refused with 503.
    max_queue : recordings waiting; more are refused with 503.
    max_uploads_per_client : of those, by one API key or one person, and never more than half of
        those that the others leave; more are refused with 503.
    max_connections : open connections; one more is closed at once.
    header_timeout_s : how long a client may take to say what it asks, seconds.
    upload_timeout_s : longest silence of a client that uploads, seconds.
    upload_total_s : longest time an upload may take in all, seconds.
    upload_min_bytes_per_s : slower uploads are given up, once `upload_timeout_s` has passed.
    wait_s : how long a synchronous request waits before it is answered with a job, seconds.
    requests_per_minute : of one client; more are refused with 429.
    silent_after_s : without a new call for so long, the page warns, seconds; 0: never.
    keep_results_s : how long a finished job can be asked for, seconds that a server has run.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    workers: int = 0
    state_dir: Path | None = None
    max_upload_bytes: int = 64 * 1024 * 1024
    max_duration_s: float = 900.0
    max_uploads: int = 64
    max_queue: int = 1000
    max_uploads_per_client: int = 32
    max_connections: int = 1000
    header_timeout_s: float = 20.0
    upload_timeout_s: float = 30.0
    upload_total_s: float = 600.0
    upload_min_bytes_per_s: float = 2000.0
    wait_s: float = 60.0
    requests_per_minute: int = 1200
    silent_after_s: float = 3600.0
    keep_results_s: float = 86_400.0

    @property
    def state_folder(self) -> Path:
        """Folder of uploads in work, jobs and keys."""
        return self.state_dir or platformdirs.user_state_path("recognizer")


class CrmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of decisions, and who may show the page inside their own.

    Attributes
    ----------
    targets_file : webhooks and CRMs (docs/crm.md); None: nobody is told.
    codes_file : outcomes as CRMs call them; None: the shipped ones.
    frame_ancestors : addresses that may embed the page, separated by spaces; empty: nobody.
    """

    targets_file: Path | None = None
    codes_file: Path | None = None
    frame_ancestors: str = ""


class LiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Live calls: `recognizer listen`, and `recognizer serve` where an address is given.

    Attributes
    ----------
    audiosocket, websocket : `HOST:PORT` to listen on; empty: not.
    peers : addresses or networks of other machines that may connect, separated by spaces.
    token_file : its first line is what a WebSocket client must show; None: nothing.
    callback : address that is told of verdicts by HTTP; empty: nobody.
    callback_secret_file : its first line signs what is told.
    journal : write attempts into the journal.
    hang_up : end a WebSocket call at the client once its verdict is final.
    max_channels : connections at once.
    idle_s : a connection that sends nothing for so long is closed, seconds.
    max_call_s : sound heard of one call, seconds.
    """

    audiosocket: str = ""
    websocket: str = ""
    peers: str = ""
    token_file: Path | None = None
    callback: str = ""
    callback_secret_file: Path | None = None
    journal: bool = False
    hang_up: bool = False
    max_channels: Annotated[int, msgspec.Meta(ge=1)] = 100
    idle_s: Annotated[float, msgspec.Meta(ge=1.0)] = 30.0
    max_call_s: Annotated[float, msgspec.Meta(ge=5.0)] = 180.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, one section a struct."""

    recognition: RecognitionSettings = RecognitionSettings()
    phrases: PhraseSettings = PhraseSettings()
    announcements: AnnouncementSettings = AnnouncementSettings()
    journal: JournalSettings = JournalSettings()
    server: ServerSettings = ServerSettings()
    crm: CrmSettings = CrmSettings()
    live: LiveSettings = LiveSettings()


_PREFIX = "RECOGNIZER_"


def settings_path(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the settings file in force, None if there is none."""
    named = environment.get(f"{_PREFIX}SETTINGS")
    if named:
        return Path(named)
    usual = platformdirs.user_config_path("recognizer") / "recognizer.toml"
    return usual if usual.is_file() else None


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of this process.

    Raises
    ------
    SettingsError
        Naming the file and line, or the environment variable, that is wrong.
    """
    path = settings_path(environment)
    file = None if path is None else read_toml(path, SettingsError)
    values: dict[str, Any] = {} if file is None else dict(file.values)
    origin: dict[tuple[str, str], str] = {}
    for section in msgspec.structs.fields(Settings):
        struct = type(section.default)
        for item in msgspec.structs.fields(struct):
            variable = f"{_PREFIX}{section.name}_{item.name}".upper()
            if variable in environment:
                value: Any = environment[variable]
                if item.type == tuple[Path, ...]:
                    value = [part for part in value.split(os.pathsep) if part]
                table = values.get(section.name, {})
                values[section.name] = {
                    **(table if isinstance(table, dict) else {}),
                    item.name: value,
                }
                origin[section.name, item.name] = variable
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_to_path)
    except msgspec.ValidationError as problem:
        raise SettingsError(_explain(problem, file, origin)) from problem


def _to_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        if is_url(value):
            raise ValueError(f"expected a path, got the URL {value!r}")
        return Path(value).expanduser()
    raise TypeError(f"expected a path, got {value!r}")


def _explain(
    problem: msgspec.ValidationError, file: TomlFile | None, origin: Mapping[tuple[str, str], str]
) -> str:
    message, _, where = str(problem).partition(" - at `$.")
    section, _, name = where.rstrip("`").partition(".")
    name = name.partition("[")[0]
    if (section, name) in origin:
        return f"environment variable {origin[section, name]}: {message}"
    if file is not None:
        return f"{file.place(section or None, key=name or None)}: {message}"
    return str(problem)
