"""Names of nodes, as the library takes them: no two alike."""

from __future__ import annotations


class UniqueNames:
    """Gives each node a name of its own: the second of a name becomes `name_1`."""

    def __init__(self):
        self._taken: set[str] = set()

    def __call__(self, wanted: str) -> str:
        name, count = wanted, 0
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name
