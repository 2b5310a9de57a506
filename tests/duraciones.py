"""At the end of a run: the ten slowest tests and fixtures, and how long the whole took. Told by every process of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

CUANTAS = 10
_fixtures: dict[str, float] = defaultdict(float)
_pruebas: dict[str, float] = {}
_dentro: list[float] = []  # seconds of the fixtures that the one being made has asked for
_empezo = monotonic()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> Iterator[None]:
    """Its own time, without that of the fixtures it asks for by name while it is made."""
    desde = monotonic()
    _dentro.append(0.0)
    try:
        return (yield)
    finally:
        duro = monotonic() - desde
        ajeno = _dentro.pop()
        if _dentro:
            _dentro[-1] += duro
        _fixtures[f"{fixturedef.baseid or 'tests'}: {fixturedef.argname}"] += duro - ajeno


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """On the process that prints; setup and teardown are the fixtures' business."""
    if report.when == "call":
        _pruebas[report.nodeid] = report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    salida: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if salida is not None:  # a process of xdist
        salida["fixtures"] = dict(_fixtures)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    for nombre, duro in getattr(node, "workeroutput", {}).get("fixtures", {}).items():
        _fixtures[nombre] += duro


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if len(_pruebas) <= 1:
        return
    for titulo, duraciones in (("tests", _pruebas), ("fixtures, over all processes", _fixtures)):
        terminalreporter.section(f"slowest {CUANTAS} {titulo}")
        for nombre, duro in sorted(duraciones.items(), key=lambda par: -par[1])[:CUANTAS]:
            terminalreporter.write_line(f"{duro:7.2f} s  {nombre}")
    terminalreporter.write_line(f"\nthe whole took {monotonic() - _empezo:.0f} s")
