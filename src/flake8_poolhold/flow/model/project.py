"""The project: its files, where its imports lead, and the facts of its modules, loaded when they are first needed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from hashlib import blake2b
from posixpath import dirname, join

import msgspec

from flake8_poolhold.config import Settings
from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import Module
from flake8_poolhold.flow.model.indexes import Index, index
from flake8_poolhold.flow.model.scopes import Scope, module_scope, statements
from flake8_poolhold.flow.model.tracking import Question, Tracker
from flake8_poolhold.knowledge import load as load_knowledge
from flake8_poolhold.knowledge.holders import load_holders
from flake8_poolhold.source.words import contains, words

IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<origin>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#]+)"
    rb"|import[ \t]+(?P<modules>[^\n#]+))",
    re.MULTILINE,
)

FEW_NAMES = 8
"""Up to so many identifiers are searched for in all files; for more, the words of the files are indexed."""

MOST_INDEXES = 64
"""So many files' indexes are kept at once: one takes half as much memory as the facts, and is soon made again."""

_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")

Loader = Callable[[str], Module | None]
Reader = Callable[[str], bytes]


class Project:
    """All files of one project by their path relative to its root, with forward slashes.

    `load` gives the facts of a file, or `None` when it cannot be analysed; `read` gives its bytes, empty when it is
    gone. Both are called at most once a file. The settings name import roots, and libraries and holders of the user's.
    `known` tells which files contain a word, where that is known without reading them.

    Whatever is asked about files is noted in `tracker`; `answer` answers it again.
    """

    def __init__(
        self,
        files: Iterable[str],
        folders_with_projects: Iterable[str],
        load: Loader,
        read: Reader,
        settings: Settings,
        known: Callable[[str, str], list[str] | None] = lambda _word, _name: None,
        tracker: Tracker | None = None,
    ) -> None:
        self.settings = settings
        self.tracker = tracker or Tracker()
        self.holders = load_holders().with_own(settings.holders)
        self.knowledge = load_knowledge(settings.own_libraries())
        self._libraries = {path.partition(".")[0] for path in self.holders.by_path} | {"fastapi", "starlette"}
        self.files = frozenset(files)
        self._folders = _folders(self.files)
        self._load, self._read, self._known = load, read, known
        self._modules: dict[str, Module | None] = {}
        self._scopes: dict[str, Scope] = {}
        self._indexes: dict[str, Index] = {}
        self._bytes: dict[str, bytes] = {}
        self._naming: dict[tuple[str, str], list[str]] = {}
        self._in: dict[tuple[str, str], bool] = {}
        self._sorted = sorted(self.files)
        self._words: dict[bytes, list[str]] | None = None
        self._asked = 0
        self._found: dict[tuple[str, str], str | None] = {}
        packages = {dirname(path) for path in self.files if path.endswith("/__init__.py") or path == "__init__.py"}
        self._packages = packages
        named = [source.strip("/").removeprefix("./") for source in settings.src]
        roots = {"", *folders_with_projects}
        roots |= {folder for folder in self._folders if folder == "src" or folder.endswith("/src")}
        self._roots = named or sorted(roots)
        self._named = bool(named)

    def module(self, path: str) -> Module | None:
        """The facts of the file at `path`."""
        self.tracker.ask(("file", path))
        return self._module(path)

    def _module(self, path: str) -> Module | None:
        if path not in self._modules:
            self._modules[path] = self._load(path) if path in self.files else None
        return self._modules[path]

    def scope(self, path: str) -> Scope:
        """The names that the module at `path` binds; empty when it cannot be analysed."""
        self.tracker.ask(("file", path))
        return self._scope(path)

    def binding(self, path: str, name: str) -> Scope:
        """The same, for who looks at one of its names only, and perhaps at the star imports."""
        self.tracker.ask(("name", path, name))
        return self._scope(path)

    def _scope(self, path: str) -> Scope:
        scope = self._scopes.get(path)
        if scope is None:
            module = self._module(path)
            scope = module_scope(module.body if module is not None else [])
            self._scopes[path] = scope
        return scope

    def index(self, path: str) -> Index:
        """What the module at `path` mentions, by name; empty when it cannot be analysed."""
        self.tracker.ask(("file", path))
        return self.index_around(path)

    def uses(self, path: str, name: str) -> Index | None:
        """The same, for who looks at one name and at the imports; `None` for a file that cannot be analysed."""
        self.tracker.ask(("uses", path, name))
        return self.index_around(path) if self._module(path) is not None else None

    def classes(self, path: str) -> dict[str, tree.Class]:
        """The classes of a module, for who looks at their bases and at the names of their methods."""
        self.tracker.ask(("classes", path))
        return self._scope(path).classes

    def methods(self, path: str, name: str) -> list[tuple[str, tree.Function, str]]:
        """The methods of a name of the classes in a module, for who looks at nothing else there."""
        self.tracker.ask(("methods", path, name))
        return self._methods(path, name)

    def _methods(self, path: str, name: str) -> list[tuple[str, tree.Function, str]]:
        return [outer for outer in self._scope(path).functions if outer[2] and outer[1].name == name]

    def is_read(self, path: str) -> bool:
        """Whether the file at `path` can be analysed."""
        self.tracker.ask(("read", path))
        return self._module(path) is not None

    def index_around(self, path: str) -> Index:
        """The same, for who looks only at what a function mentions that it knows already."""
        found = self._indexes.pop(path, None)
        if found is None:
            found = index(self._module(path), self._scope(path))
            if len(self._indexes) >= MOST_INDEXES:
                del self._indexes[next(iter(self._indexes))]
        self._indexes[path] = found  # behind all others: the first one is that which was asked for least recently
        return found

    def is_library(self, name: str) -> bool:
        """Whether something is known of the library that is imported as `name`."""
        return name in self._libraries or self.knowledge.knows_root(name)

    def naming(self, word: str, name: str = "") -> list[str]:
        """The files whose bytes contain `word`, sorted: a cheap answer to "who could subclass, include, call this".

        With `name`, an identifier in `word`, only files that have it as a whole word: of these, a project asks about
        as many as it has functions.
        """
        self.tracker.ask(("word", word, name))
        found = self._naming.get((word, name))
        if found is None:
            found = self._known(word, name)
            if found is None:
                indexed = self._indexed(name.encode()) if name else None
                spelled, files = word.encode(), self._sorted if indexed is None else indexed
                found = [path for path in files if spelled in self._bytes_of(path)]
                if name and indexed is None:
                    found = [path for path in found if contains(self._bytes_of(path), word, name)]
            self._naming[word, name] = found
        return found

    def _indexed(self, name: bytes) -> list[str] | None:
        """The files with this identifier, from an index; `None` as long as a search is cheaper than to make one."""
        self._asked += 1
        if self._asked <= FEW_NAMES or not _IDENTIFIER.fullmatch(name):
            return None
        if self._words is None:
            self._words = {}
            for path in self._sorted:
                for word in set(words(self._bytes_of(path))):
                    self._words.setdefault(word, []).append(path)
        return self._words.get(name, [])

    def names_word(self, path: str, word: str) -> bool:
        """Whether the bytes of the file at `path` contain `word`."""
        self.tracker.ask(("in", path, word))
        known = self._in.get((path, word))
        if known is None:
            known = self._in[path, word] = word.encode() in self._bytes_of(path)
        return known

    def imports(self, path: str) -> list[tuple[bytes, bytes, bytes]]:
        """What the lines of a file import, as it is spelled: origin and names, or modules; the others are empty."""
        self.tracker.ask(("imports", path))
        return IMPORT.findall(self._bytes_of(path))

    def bytes_of(self, path: str) -> bytes:
        """The bytes of any file of the project, a Python file or not; empty when there is none."""
        self.tracker.ask(("file", path))
        return self._bytes_of(path)

    def answer(self, question: Question) -> str:
        """What stands for the answer to a question: it changes whenever the answer does."""
        match question:
            case ("file", path):
                return _digest((path in self.files, self._bytes_of(path)))
            case ("name", path, name):
                scope = self._scope(path)
                return _digest((scope.names.get(name), scope.globals.get(name), scope.stars))
            case ("uses", path, name):
                return _digest(self._uses(path, name))
            case ("classes", path):
                classes = self._scope(path).classes.items()
                return _digest([(name, node.bases, _methods(node)) for name, node in classes])
            case ("methods", path, name):
                return _digest(self._methods(path, name))
            case ("read", path):
                return str(self._module(path) is not None)
            case ("in", path, word):
                return str(word.encode() in self._bytes_of(path))
            case ("imports", path):
                return _digest(IMPORT.findall(self._bytes_of(path)))
            case ("word", word, name):
                return _digest(self.naming(word, name))
            case ("find", module, folder):
                return self._search(module, folder) or ""
            case ("at", target):
                return self._at(target) or ""
            case _:
                return _digest(sorted(self.files))

    def _uses(self, path: str, name: str) -> object:
        """What matters of the uses of a name: themselves, the functions around them, and what the file imports."""
        found = self.index_around(path)
        uses = [*found.names.get(name, ()), *found.calls.get(name, ())]
        around = {id(outer[1]): outer for outer, _ in uses if outer is not None}
        imports = [(type(node).__name__, node.name, getattr(node, "symbol", "")) for node in found.imports]
        return self._module(path) is None, [node for _, node in uses], list(around.values()), imports

    def _bytes_of(self, path: str) -> bytes:
        data = self._bytes.get(path)
        if data is None:
            data = self._bytes[path] = self._read(path)
        return data

    def find(self, module: str, importer: str) -> str | None:
        """The file (or folder, for a package without `__init__`) that `import module` in `importer` leads to."""
        key = (module, dirname(importer))
        self.tracker.ask(("find", *key))
        if key not in self._found:
            self._found[key] = self._search(module, dirname(importer))
        found = self._found[key]
        # `redis.py` that imports redis means the library; a package may well import from itself.
        return None if found == importer and not importer.endswith("__init__.py") else found

    def relative(self, module: str, level: int, importer: str) -> str | None:
        """The file that `from ..module import` with `level` dots in `importer` leads to."""
        folder = dirname(importer)
        for _ in range(level - 1):
            folder = dirname(folder)
        return self._asked_at(join(folder, module.replace(".", "/")) if module else folder)

    def child(self, package: str, name: str) -> str | None:
        """The submodule `name` of the package at `package`."""
        folder = dirname(package) if package.endswith(".py") else package
        if package.endswith(".py") and not package.endswith("__init__.py"):
            return None
        return self._asked_at(join(folder, name) if folder else name)

    def all_files(self) -> frozenset[str]:
        """All files, for who must look at each."""
        self.tracker.ask(("files",))
        return self.files

    def _search(self, module: str, folder: str) -> str | None:
        target = module.replace(".", "/")
        first = module.partition(".")[0]
        is_library = self.is_library(first) or first in sys.stdlib_module_names
        for root in self._import_roots(folder):
            # `services/openai.py` beside the importer and a folder `redis/` do not hide the libraries of that name.
            if is_library and (root in self._packages or root == folder) and root not in self._roots:
                continue
            found = self._at(f"{root}/{target}" if root else target)
            if found is not None and not (is_library and found.endswith(target)):
                return found
        return None

    def _import_roots(self, folder: str) -> list[str]:
        """Import roots, the importer's nearest first. A top-level package may be one too, of a script run inside it."""
        above = [folder]
        while folder:
            folder = dirname(folder)
            above.append(folder)
        if self._named:
            return sorted(self._roots, key=lambda root: (root not in above, -len(root)))
        outside = [candidate for candidate in above if candidate not in self._packages]
        inside = [one for one in above if one in self._packages and dirname(one) not in self._packages]
        elsewhere = [root for root in self._roots if root not in above]
        return [*outside, *elsewhere, *inside]

    def _asked_at(self, target: str) -> str | None:
        self.tracker.ask(("at", target))
        return self._at(target)

    def _at(self, target: str) -> str | None:
        for candidate in (f"{target}.py", f"{target}/__init__.py", f"{target}.pyi"):
            if candidate in self.files:
                return candidate
        if target in self._folders and target:
            return target
        return None


def _folders(files: Iterable[str]) -> frozenset[str]:
    folders: set[str] = set()
    for path in files:
        folder = dirname(path)
        while folder and folder not in folders:
            folders.add(folder)
            folder = dirname(folder)
    return frozenset(folders)


def _methods(node: tree.Class) -> list[str]:
    return [statement.name for statement in statements(node.body) if isinstance(statement, tree.Function)]


def _digest(answer: object) -> str:
    return blake2b(msgspec.msgpack.encode(answer), digest_size=12).hexdigest()
