"""The project's recipes: `nox -s quick`, `nox -l` lists them.

`setup` makes .venv for an editor; the others make an environment of their own, kept between runs.
"""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "quick"]
nox.options.reuse_existing_virtualenvs = True

LEFT_OUT = "slow model journal system page browser postgres ray property asterisk".split()
QUICK = " and ".join(f"not {kind}" for kind in LEFT_OUT)
# Compiled once, and not in each program that a test starts.
COMPILED = {"PYTHONDONTWRITEBYTECODE": None}


def _install(session: nox.Session) -> None:
    session.run("python", "-m", "pip", "install", "-q", "-U", "pip")
    session.run("python", "-m", "pip", "install", "-q", "-e", ".[all]", "--group", "test")


@nox.session(venv_backend="none")
def setup(session: nox.Session) -> None:
    """Make .venv with everything a developer needs, and the commit hooks."""
    session.run("python3", "-m", "venv", "--upgrade-deps", ".venv", external=True)
    pip = ".venv/bin/pip"
    session.run(pip, "install", "-q", "-e", ".[all]", "--group", "dev", external=True)
    session.run(".venv/bin/pre-commit", "install", external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, and the direction of imports."""
    _install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that need no model, journal, program, page, browser or patience: a minute."""
    _install(session)
    # Schemathesis takes two seconds of every process to load, for one test of another kind.
    options = ("-n", "2", "--dist", "loadfile", "-p", "no:schemathesis", "-m", QUICK)
    session.run("pytest", *options, *session.posargs, env=COMPILED)


@nox.session
def test(session: nox.Session) -> None:
    """Run every test."""
    _install(session)
    session.run("pytest", "-n", "2", "--dist", "loadfile", *session.posargs, env=COMPILED)


@nox.session
def bench(session: nox.Session) -> None:
    """Run a benchmark: `nox -s bench -- benchmarks.other_texts`."""
    _install(session)
    session.run("python", "-m", *session.posargs)


@nox.session
@nox.parametrize("instruction_set", ["GENERIC", "AVX2"])
def kernels(session: nox.Session, instruction_set: str) -> None:
    """Judge the labelled clips with two kinds of kernels: processors round differently."""
    _install(session)
    manifest = "tests/data/calls/manifest.tsv"
    session.run("recognizer", "evaluate", manifest, env={"CT2_FORCE_CPU_ISA": instruction_set})
