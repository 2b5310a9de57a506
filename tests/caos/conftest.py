"""One installation for all tests of this folder: it takes longer to start than most faults last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.caos.escenario import Escenario


@pytest.fixture(scope="session")
def escenario() -> Iterator[Escenario]:
    with Escenario(trabajadores=1) as e:
        yield e
