"""What a variable of a function holds: an object of a mapped class, or what leads to some."""

from __future__ import annotations

from typing import Literal

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    Annotation,
    ClassOf,
    Depends,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Origin,
    Place,
    Value,
)
from flake8_poolhold.flow.naming import names, types

Shape = Literal["one", "many", "rows", "scalars"]


class Expiry(msgspec.Struct, frozen=True):
    """The call that expired an object: `commit` or `rollback`."""

    method: str
    span: tree.Span


_EXPIRING = frozenset({"commit", "rollback", "begin"})


def may_expire(function: tree.Function) -> bool:
    """Whether a function ends a transaction itself: nothing else is taken to expire an object."""
    return any(isinstance(part, tree.Attribute) and part.name in _EXPIRING for part in tree.own(function.body))


class Object(msgspec.Struct, frozen=True):
    """One object, several, or a result that gives them. `session` is how its session is spelled, empty for none yet.

    `is_new`: made in this function and not committed so far.
    """

    model: str
    session: str
    shape: Shape = "one"
    is_new: bool = False
    expired: Expiry | None = None


_ONE_OF_ROWS = frozenset({"scalar", "scalar_one", "scalar_one_or_none"})
_ONE_OF_SCALARS = frozenset({"first", "one", "one_or_none"})
_SAME = frozenset({"unique", "execution_options", "yield_per"})


def derived(owner: Object, method: str) -> Object | None:
    """What `result.method()` gives: an object, several, another result; a row is none of them."""
    if method in _SAME:
        return owner
    if owner.shape == "rows":
        if method in _ONE_OF_ROWS:
            return msgspec.structs.replace(owner, shape="one")
        return msgspec.structs.replace(owner, shape="scalars") if method == "scalars" else None
    if owner.shape == "scalars":
        if method in _ONE_OF_SCALARS:
            return msgspec.structs.replace(owner, shape="one")
        return msgspec.structs.replace(owner, shape="many") if method in ("all", "fetchall") else None
    return None


def is_table(analysis: Analysis, key: str) -> bool:
    """Whether a class has a table: of SQLModel's, which are schemas too, those that say so."""
    if not names.is_mapped(analysis, key):
        return False
    if not any(path.endswith(".SQLModel") for path in names.mro(analysis, key)[1]):
        return True
    keywords = analysis.classes[key].node.keywords
    return any(
        one.keyword == "table" and isinstance(one.value, tree.Constant) and one.value.value is True for one in keywords
    )


class Naming:
    """What the names in one function stand for, imports inside it included."""

    def __init__(self, analysis: Analysis, info: FunctionInfo) -> None:
        self._analysis, self._info = analysis, info
        self._frame = names.module_frame(analysis, info.path)
        self._state = State()
        for statement in statements(info.node.body):
            if isinstance(statement, tree.Import | tree.ImportFrom) and statement.name != "*":
                self._state.env[statement.name] = names.imported(analysis, info.path, statement)

    def value(self, node: tree.Expression) -> Value | None:
        """What a name, or an attribute of one, stands for; `None` for other expressions."""
        if not isinstance(node, tree.Name | tree.Attribute):
            return None
        return expressions.evaluate(self._frame, self._state, node)

    def model(self, node: tree.Expression) -> str:
        """The mapped class that an expression names, by its key; empty for anything else."""
        value = self.value(node)
        return value.cls if isinstance(value, ClassOf) and is_table(self._analysis, value.cls) else ""

    def selected(self, node: tree.Expression) -> str | None:
        """The one mapped class that a statement selects; empty for another statement, `None` for none that is seen."""
        for part in tree.walk(node):
            if isinstance(part, tree.Call) and isinstance(part.function, tree.Name | tree.Attribute):
                callee = self.value(part.function)
                if isinstance(callee, Library) and callee.path.endswith(".select"):
                    return self.model(part.arguments[0].value) if len(part.arguments) == 1 else ""
        return None

    def is_column(self, model: str, name: str) -> bool:
        """Whether an attribute of a mapped class is loaded from the database: it is declared as a value."""
        found = names.class_member(self._analysis, model, name)
        if found is None or not isinstance(found[1], tree.Assign) or name.startswith("__"):
            return False
        value = found[1].value
        if isinstance(value, tree.Call):
            return True  # Column(...), mapped_column(...), relationship(...), Field(...)
        return value is None and found[1].annotation is not None

    def parameters(self) -> dict[str, Object]:
        """The parameters that are objects of the one async session that is a parameter too."""
        frame = self._frame
        sessions: list[tree.Parameter] = []
        objects: list[tuple[tree.Parameter, str]] = []
        for parameter in self._info.node.parameters:
            if parameter.annotation is None:
                continue
            place = Place(Origin("param", self._info.id, parameter.name))
            value = types.typed(frame, self._state, parameter.annotation, place)
            match value:
                case Holder(kind=kind) if self._analysis.holders.classes[kind].is_async:
                    sessions.append(parameter)
                case Instance(cls=cls) if is_table(self._analysis, cls):
                    objects.append((parameter, cls))
        if len(sessions) != 1:
            return {}
        return {
            parameter.name: Object(cls, sessions[0].name)
            for parameter, cls in objects
            if self._shares(parameter, sessions[0])
        }

    def _shares(self, parameter: tree.Parameter, session: tree.Parameter) -> bool:
        """Whether an object that a dependency gives comes from the session that another one gives."""
        target = self._dependency(self._info, parameter)
        if target is None:
            return parameter.default is None
        provider = self._dependency(self._info, session)
        waiting, seen = [target], {target}
        while waiting and provider is not None:
            info = self._analysis.functions[waiting.pop()]
            for inner in info.node.parameters:
                found = self._dependency(info, inner)
                if found == provider:
                    return True
                if found is not None and found not in seen:
                    seen.add(found)
                    waiting.append(found)
        return False

    def _dependency(self, info: FunctionInfo, parameter: tree.Parameter) -> str | None:
        """The function that FastAPI asks for a parameter."""
        frame = names.module_frame(self._analysis, info.path)
        for node in (parameter.default, parameter.annotation):
            value = expressions.evaluate(frame, State(), node) if node is not None else None
            marker = value.depends if isinstance(value, Annotation) else value
            if isinstance(marker, Depends) and isinstance(marker.target, FunctionOf):
                return marker.target.function
        return None
