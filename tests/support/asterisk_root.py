"""A Debian root with Asterisk in it: named, cached, or built."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["NoAsteriskError", "find_root"]

_NEEDED = ("sipp", "chroot")
_PACKAGES = ("asterisk", "asterisk-modules")
_STEP_LIMIT_S = 240


class NoAsteriskError(Exception):
    """No Asterisk can be run here, and why."""


def find_root() -> Path:
    """Return the folder that RECOGNIZER_ASTERISK_ROOT names, or a root of our own.

    Our own lies in the user's cache (600 MB). It is built where CI is set or the variable is
    `build`: a minute and a half on a quiet machine, once.

    Raises
    ------
    NoAsteriskError
        If there is none and none can be built.
    """
    if os.geteuid() != 0:
        raise NoAsteriskError("chroot needs root")
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    if missing:
        raise NoAsteriskError(f"not installed: {', '.join(missing)} (sipp is in sip-tester)")
    named = os.environ.get("RECOGNIZER_ASTERISK_ROOT", "")
    if named not in {"", "build"}:
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = cache / "recognizer-asterisk" / "sid"
    if not root.exists():
        if not (named or os.environ.get("CI")):
            raise NoAsteriskError("RECOGNIZER_ASTERISK_ROOT=build builds a root with Asterisk")
        _build(root)
    return root


def _build(root: Path) -> None:
    """Build a root beside its place, and move it there when it is whole."""
    if shutil.which("debootstrap") is None:
        raise NoAsteriskError("not installed: debootstrap")
    partial = root.with_name(f"{root.name}.{os.getpid()}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    install = ["apt-get", "-o", "Acquire::Check-Valid-Until=false", "install", "-y", "-qq"]
    try:
        _run(["debootstrap", "--variant=minbase", "sid", str(partial)])
        _run(["chroot", str(partial), *install, "--no-install-recommends", *_PACKAGES])
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_STEP_LIMIT_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NoAsteriskError(f"no root can be built: {problem}") from problem
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NoAsteriskError(f"no root can be built: {command[0]}: {said[-1:]}")
