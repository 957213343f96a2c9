"""A mount whose server is gone: whoever looks at it waits for ever."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def stalled_mount(folder: Path) -> Iterator[Path]:
    """Mount a FUSE file system that never answers; skip the test where that is not allowed."""
    folder.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("there is no FUSE here")
    try:
        options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"stalled", os.fsencode(folder), b"fuse", 0, options.encode()):
            pytest.skip(f"mounting is not allowed: {os.strerror(ctypes.get_errno())}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    finally:
        os.close(device)  # whoever still waits is told that it is gone
