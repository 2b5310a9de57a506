"""What one attempt at a historico still has to ask, and how far it got."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.clima import Periodo
from worker.preguntar import Contestacion
from worker.proveedores.http import Causa


@dataclass(frozen=True, slots=True)
class Tarea:
    """A piece to ask one provider for. completa: it is there already, and lacks these fields."""

    tramo: Periodo
    campos: frozenset[str]
    completa: bool = False


@dataclass(frozen=True, slots=True)
class Ausencia:
    """A piece that is not there, or these fields of one that is, and what its provider said of it."""

    tramo: Periodo
    contestacion: Contestacion
    campos: tuple[str, ...] | None = None


@dataclass
class Obra:
    """tareas: by provider, in order. hechos: pieces that are there. ausencias: those that did not come.

    parados: who is asked for nothing more in this attempt, because it failed, rests, or its budget is spent.
    suplentes: who is asked last, only for what the others lack: the days that may be asked for.
    """

    tareas: dict[str, list[Tarea]] = field(default_factory=dict)
    hechos: int = 0
    progreso: int = 0
    ausencias: list[Ausencia] = field(default_factory=list)
    parados: dict[str, Contestacion] = field(default_factory=dict)
    suplentes: dict[str, list[Periodo]] = field(default_factory=dict)

    def ronda(self) -> dict[str, Tarea]:
        """The next piece of every provider that goes on."""
        return {p: tareas[0] for p, tareas in self.tareas.items() if tareas and p not in self.parados}

    def hecha(self, nombre: str, resto: frozenset[str] = frozenset()) -> None:
        """Its next piece is there. resto: the fields that it lacks because the budget did not reach them."""
        tarea = self.tareas[nombre].pop(0)
        self.hechos += not tarea.completa
        if resto:
            self.tareas[nombre].insert(0, Tarea(tarea.tramo, resto, completa=True))

    def faltar(self, nombre: str, c: Contestacion) -> None:
        """Its next piece did not come: never, or not in this attempt."""
        if c.pasajera:
            self.parados[nombre] = c
            return
        tarea = self.tareas[nombre].pop(0)
        self.ausencias.append(Ausencia(tarea.tramo, c, tuple(sorted(tarea.campos)) if tarea.completa else None))

    def ausentes(self) -> list[Ausencia]:
        """All the pieces that are not there, those that were not asked for too."""
        pendientes = ((p, t) for p, tareas in self.tareas.items() for t in tareas if not t.completa)
        return [*self.ausencias, *(Ausencia(t.tramo, self.parados[p]) for p, t in pendientes if p in self.parados)]

    def esperan(self) -> dict[str, Contestacion]:
        """Who has something left to be asked, and no budget for it now."""
        return {p: c for p, c in self.parados.items() if c.causa == Causa.PRESUPUESTO and self.tareas[p]}

    def avanzo(self) -> bool:
        """Is there progress that somebody would see? What will never come counts as done."""
        para_siempre = sum(a.campos is None for a in self.ausencias)
        faltan = sum(not t.completa for tareas in self.tareas.values() for t in tareas)
        hechos = self.hechos + para_siempre
        antes = self.progreso
        self.progreso = max(antes, 99 * hechos // max(1, hechos + faltan))
        return self.progreso > antes
