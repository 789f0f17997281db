"""How far a module can see: whether any import, direct or through others, leads to a library that matters here.

Code that imports neither a client, a driver, an ORM nor a module that does can hold nothing and wait for nothing of its
own accord. Parsers, schemas and arithmetic make up much of a project; their calls need not be followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.tracking import Memo

_NAME = re.compile(rb"[\w.*]+(?=[ \t]*(?:,|\)|as\b|$|\r|\n|#|;))")


class Reach:
    """Answers for the modules of one project, each found out once, from the bytes of the files."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: Memo[str, bool] = Memo(project.tracker)

    def matters(self, path: str) -> bool:
        """Whether the module at `path` can lead to a holder or a wait."""
        known = self._known.get(path)
        if known is None:
            with self._project.tracker.finding(("reach", path)):
                self._search(path)
            known = self._known[path]
        return known

    def _search(self, path: str) -> None:
        """Walk the imports until one matters; if none does, none of the modules met on the way does."""
        met, waiting = {path}, [path]
        while waiting:
            for found in self.imports(waiting.pop()):
                if found is None or self._known.get(found):
                    self._known[path] = True
                    return
                if found not in met and found not in self._known:
                    met.add(found)
                    waiting.append(found)
        for one in met:
            self._known[one] = False

    def imports(self, path: str) -> Iterator[str | None]:
        """The project's modules that a module imports; `None` for a library that matters."""
        for spelled, names, modules in self._project.imports(path):
            if modules:
                for name in _NAME.findall(modules):
                    yield from self._module(path, name.decode(errors="replace"), 0)
                continue
            origin = spelled.decode(errors="replace")
            level = len(origin) - len(origin.lstrip("."))
            for target in self._module(path, origin.lstrip("."), level):
                yield target
                if target is not None:
                    for name in _NAME.findall(names):
                        child = self._project.child(target, name.decode(errors="replace"))
                        if child is not None:
                            yield child

    def _module(self, path: str, name: str, level: int) -> Iterator[str | None]:
        if level:
            found = self._project.relative(name, level, path)
        else:
            found = self._project.find(name, path)
            if found is None:
                if self._project.is_library(name.partition(".")[0]):
                    yield None
                return
        if found is not None and found.endswith((".py", ".pyi")):
            yield found
        elif found is not None:
            yield found  # a package without `__init__`: nothing to read, but its children count
