"""The same classification over a Ray cluster: Ray Data over a pool of actors, Parquet out.

Recordings are files that every node can read: a shared folder, or any URL that fsspec knows
(``s3://``, ``file://``, ``memory://`` ...). Each actor keeps a worker process of its own
(`worker`), so a file that kills a decoder costs that file and not the actor. Results are written
as Parquet while they come; a block whose node is lost is done again by Ray, and the file a second
attempt at it writes takes the place of the first. Run again, the same command does only what has no
result yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from recognizer.base.errors import RecognizerError
from recognizer.base.settings import Settings
from recognizer.batch.jobs import CHANGED, Finished, Job, RecognizerLike, failed_report
from recognizer.batch.recording_files import is_recording_name
from recognizer.batch.runner import Summary
from recognizer.batch.time_limits import BASE_LIMIT_S, TimeLimits
from recognizer.batch.worker import Worker, load_recognizer
from recognizer.model import CallRequest
from recognizer.model.report_json import report_to_dict

__all__ = ["run_on_ray"]

Load = Callable[[], RecognizerLike]

_FILES_A_BLOCK = 16  # lost work when a node is lost, against files written
_KEY = "file_key"


class _Actor:
    """Classifies batches of recordings on one node; made and called by Ray."""

    def __init__(self, load: Load, attempt: int, time_limit_s: float) -> None:
        self._worker = Worker(load, limits=TimeLimits(base_s=time_limit_s))
        self._worker.start()
        self._attempt = attempt

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Return one row a recording."""
        pairs = zip(batch["url"], batch[_KEY], strict=True)
        rows = [self._row(_text(url), str(key)) for url, key in pairs]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _row(self, url: str, key: str) -> dict[str, Any]:
        finished = self._classify(url, key)
        result = report_to_dict(finished.report)
        decision = result["decision"] or {}
        return {
            _KEY: key,
            "recording": _shown(url),
            "sha256": finished.sha256,
            "outcome": result["outcome"],
            "confidence": result["confidence"],
            "status": decision.get("status"),
            "incorrect_contact": decision.get("incorrect_contact"),
            "rule": decision.get("rule"),
            "next": decision.get("next"),
            "error": (result["error"] or {}).get("kind"),
            "result": msgspec.json.encode(result).decode(),
        }

    def _classify(self, url: str, key: str) -> Finished:
        shown = _shown(url)
        try:
            finished = self._recognize(url)
            if _key_of(url) == key:
                return finished
        except FileNotFoundError:
            return Finished(failed_report(shown, "not_found", f"{shown}: is no longer there"))
        except Exception as problem:  # noqa: BLE001  storages raise what they like; it is this file's
            message = f"{shown}: {type(problem).__name__}: {str(problem)[:500]}"
            return Finished(failed_report(shown, "unreadable_file", message))
        message = f"{shown}: changed after it was listed; the next run takes what is there then"
        return Finished(failed_report(shown, CHANGED, message))

    def _recognize(self, url: str) -> Finished:
        import fsspec  # noqa: PLC0415
        from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

        filesystem, path = fsspec.url_to_fs(url)
        if isinstance(filesystem, LocalFileSystem):  # nothing to wait for, and one file is one file
            return self._worker.run(
                Job(path=path, request=CallRequest(name=_shown(url), attempt=self._attempt))
            )
        # Whatever the storage, decoders want a file they can seek in.
        with (
            filesystem.open(path, "rb") as source,
            tempfile.NamedTemporaryFile(suffix=Path(url).suffix[:20]) as local,
        ):
            while chunk := source.read(1 << 20):
                local.write(chunk)
            local.flush()
            return self._worker.run(
                Job(path=local.name, request=CallRequest(name=_shown(url), attempt=self._attempt))
            )


def run_on_ray(
    address: str,
    sources: Sequence[str],
    output: str,
    settings: Settings,
    *,
    engine: str | None = None,
    attempt: int = 1,
    time_limit_s: float = BASE_LIMIT_S,
    load: Load | None = None,
) -> Summary:
    """Classify recordings on a cluster and write Parquet.

    Parameters
    ----------
    address : str
        Of the cluster: ``auto``, ``ray://host:10001``; ``local`` starts one on this machine.
    sources : sequence of str
        Files or folders, paths or URLs.
    output : str
        Folder of the Parquet files, path or URL; what it holds is not done again.
    load : callable or None
        What actors load; None: the recogniser of the settings.

    Raises
    ------
    RecognizerError
        If Ray is not installed, the cluster cannot be reached, or nothing is found.
    """
    try:
        import ray  # noqa: PLC0415
        import ray.data  # noqa: PLC0415
    except ModuleNotFoundError as problem:
        raise RecognizerError(
            f"--ray needs the package {problem.name}; pip install 'recognizer[ray]'"
        ) from problem
    summary = Summary()
    done = set(_done(output))
    todo = [item for item in _found(sources) if item[_KEY] not in done]
    summary.n_before = len(done)
    if not todo:
        return summary
    try:
        ray.init(
            address=None if address == "local" else address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as problem:
        raise RecognizerError(f"no Ray cluster at {address!r}: {problem}") from problem
    ray.data.DataContext.get_current().enable_progress_bars = False
    n_blocks = max(1, len(todo) // _FILES_A_BLOCK)
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call,unused-ignore]
    n_actors = max(1, min(int(resources.get("CPU", 1)), n_blocks))
    filesystem, folder = _filesystem(output)
    ray.data.from_items(todo, override_num_blocks=n_blocks).map_batches(
        _Actor,
        fn_constructor_args=(load or partial(load_recognizer, settings, engine), attempt,
                             time_limit_s),
        batch_size=_FILES_A_BLOCK,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_actors),
        num_cpus=1,
    ).write_parquet(folder, filesystem=filesystem)  # fmt: skip
    _count(summary, output, {item[_KEY] for item in todo})
    return summary


def _found(sources: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield every recording of the sources with what makes it the same again."""
    import fsspec  # noqa: PLC0415

    for source in sources:
        filesystem, path = fsspec.url_to_fs(source)
        if not filesystem.exists(path):
            raise RecognizerError(f"{source}: no such file or folder")
        if filesystem.isdir(path):
            listed = filesystem.find(path, detail=True).items()
            files = {name: info for name, info in listed if is_recording_name(Path(name).name)}
        else:
            files = {path: filesystem.info(path)}
        for name, info in sorted(files.items()):
            url = filesystem.unstrip_protocol(name)
            if info.get("islink"):  # a listing says when the link was made, not what it leads to
                with contextlib.suppress(OSError):
                    info = filesystem.info(name)  # noqa: PLW2901
            yield {"url": _bytes(url), _KEY: _key(url, info)}


def _key_of(url: str) -> str:
    """Return the key of a file as it is now."""
    import fsspec  # noqa: PLC0415

    filesystem, path = fsspec.url_to_fs(url)
    filesystem.invalidate_cache(filesystem._parent(path))  # noqa: SLF001  the only way to look anew
    return _key(url, filesystem.info(path))


def _key(url: str, info: dict[str, Any]) -> str:
    """Return what changes when the file does: storages say it in different words."""
    changed = next((info[name] for name in ("mtime", "LastModified", "ETag", "created")
                    if info.get(name)), "")  # fmt: skip
    text = f"{url}\0{info.get('size')}\0{changed}"
    return hashlib.blake2b(_bytes(text), digest_size=16).hexdigest()


# The cluster's tables take no text that is not UTF-8, and a file's name need not be.


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(url: bytes) -> str:
    return bytes(url).decode("utf-8", "surrogateescape")


def _shown(url: str) -> str:
    return _bytes(url).decode("utf-8", "backslashreplace")


def _filesystem(output: str) -> tuple[Any, str]:
    import fsspec  # noqa: PLC0415

    filesystem, folder = fsspec.url_to_fs(output)
    filesystem.makedirs(folder, exist_ok=True)
    return filesystem, folder


def _done(output: str) -> Iterator[str]:
    """Yield the keys of what earlier runs wrote; what changed under them was not heard."""
    for table in _tables(output, [_KEY, "error"]):
        yield from (row[_KEY] for row in table.to_pylist() if row["error"] != CHANGED)


def _tables(output: str, columns: list[str]) -> Iterator[Any]:
    import pyarrow.parquet as pq  # noqa: PLC0415

    filesystem, folder = _filesystem(output)
    for name in sorted(filesystem.find(folder)):
        if name.endswith(".parquet"):
            with filesystem.open(name, "rb") as file:
                yield pq.read_table(file, columns=columns)


def _count(summary: Summary, output: str, wanted: set[str]) -> None:
    """Add what this run wrote to the summary."""
    for table in _tables(output, [_KEY, "outcome", "error", "recording"]):
        for row in table.to_pylist():
            if row[_KEY] in wanted:
                error = row["error"]
                message = f"{row['recording']}: {error}"
                summary.add(
                    {
                        "recording": row["recording"],
                        "outcome": row["outcome"],
                        "error": None if error is None else {"kind": error, "message": message},
                    }
                )
