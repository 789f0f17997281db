"""Classes named by strings: a table from a provider's name to `"app.llm.openai.Client"`, imported when it is needed."""

from __future__ import annotations

from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.values import (
    MOST_OPTIONS,
    UNKNOWN,
    BoundArgument,
    ClassOf,
    FunctionOf,
    Literally,
    ModuleOf,
    Series,
    Value,
    Words,
    join,
    options,
)
from flake8_poolhold.flow.naming import names

SPLITTING = frozenset({"split", "rsplit", "partition", "rpartition"})


_IMPORTING = frozenset({"import_module", "import_string", "locate"})


def imports(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a function imports what a string names, so that it matters which string it is given."""
    known = analysis.importing.get(info.id)
    if known is None:
        calls = analysis.project.index_around(info.path).calls
        outer = (around for name in _IMPORTING for around, _ in calls.get(name, ()) if around is not None)
        known = any(node.span[0] <= info.node.span[0] <= node.span[2] for _, node, _ in outer)
        analysis.importing[info.id] = known
    return known


def words(value: Value) -> tuple[str, ...]:
    """The strings that a value may be; none when nobody knows."""
    match value:
        case Words(texts=texts):
            return texts
        case Literally(value=str(text)):
            return (text,)
        case _:
            return ()


def split(text: Words, name: str, arguments: tuple[BoundArgument, ...]) -> Value:
    """`text.rsplit(".", 1)` and the like: the name of a module and that of its member, which stay a pair."""
    separators = [separator for argument in arguments[:1] for separator in words(argument.value)]
    if separators not in (["."], [":"]):
        return UNKNOWN
    texts = tuple(one.replace(":", ".") for one in text.texts)
    module, member = Words(texts, "module"), Words(texts, "member")
    return Series((module, UNKNOWN, member) if name.endswith("partition") else (module, member), exact=True)


def import_module(frame: Frame, name: Value) -> Value:
    """`importlib.import_module(name)`."""
    if isinstance(name, Words) and name.part == "module":
        return name
    found = [names.imported_module(frame.analysis, text, frame.path) for text in words(name) if text]
    return join(found[:MOST_OPTIONS])


def member(frame: Frame, owner: Value, name: Value) -> Value:
    """`getattr(owner, name)` where strings say which module and which member."""
    if isinstance(owner, Words) and isinstance(name, Words) and (owner.part, name.part) == ("module", "member"):
        return by_path(frame, name)
    found = []
    for module in options(owner):
        if isinstance(module, ModuleOf):
            found += [names.member_of_module(frame.analysis, module, text) for text in words(name)]
    return _some(found)


def by_path(frame: Frame, path: Value) -> Value:
    """What dotted paths, `"app.llm.openai.Client"`, lead to. Of many, which are as good as each other, the first."""
    found = []
    for text in words(path):
        module, _, name = text.replace(":", ".").rpartition(".")
        if module:
            found.append(
                names.member_of_module(frame.analysis, names.imported_module(frame.analysis, module, frame.path), name)
            )
    return _some(found)


def _some(found: list[Value]) -> Value:
    own = [value for value in found if isinstance(value, ClassOf | FunctionOf)]
    return join((own or found)[:MOST_OPTIONS])
