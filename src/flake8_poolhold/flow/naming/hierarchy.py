"""Class hierarchies: implementations of an abstract method or a protocol, and the class that a task is bound to."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, ClassInfo, Frame, FunctionInfo
from flake8_poolhold.flow.model.scopes import Binding, statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import MOST_OPTIONS, ClassOf, Library
from flake8_poolhold.flow.naming import names

_PLAIN_BASES = (Library("builtins.object"), Library("abc.ABC"))


def is_abstract(node: tree.Function) -> bool:
    """Whether a method has no body of its own: `...`, `pass`, a docstring, or `raise NotImplementedError`."""
    match node.body:
        case []:
            return True
        case [
            tree.Raise(
                value=tree.Name(id="NotImplementedError") | tree.Call(function=tree.Name(id="NotImplementedError"))
            )
        ]:
            return True
        case _:
            return False


def implementations(analysis: Analysis, base: ClassInfo, name: str) -> list[FunctionInfo]:
    """The methods `name` of the project's subclasses of `base`, or of the classes that fit it when it is a protocol.

    Sorted by file and limited to as many as a choice may have.
    """
    key = (base.key, name)
    known = analysis.implementations.get(key)
    if known is None:
        with analysis.tracker.finding(("implementations", *key)):
            analysis.implementations[key] = []
            known = analysis.implementations[key] = _implementations(analysis, base, name)
    return known


def _implementations(analysis: Analysis, base: ClassInfo, name: str) -> list[FunctionInfo]:
    is_protocol = any(path.endswith(".Protocol") for path in names.mro(analysis, base.key)[1])
    declared = base.scope.names.get(name, [None])[-1]
    wanted = {method for method, bindings in base.scope.names.items() if isinstance(bindings[-1], tree.Function)}
    found: dict[str, FunctionInfo] = {}
    for path in analysis.project.naming(f"def {name}", name):
        for class_name, node in analysis.project.classes(path).items():
            if name not in (one.name for one in statements(node.body) if isinstance(one, tree.Function)):
                continue
            analysis.project.binding(path, class_name.partition(".")[0])  # the class itself matters, not only its shape
            info = names.class_info(analysis, path, class_name, node)
            binding = info.scope.names.get(name, [None])[-1]
            if info.key == base.key or not isinstance(binding, tree.Function) or is_abstract(binding):
                continue
            fits = is_protocol and wanted <= info.scope.names.keys() and _takes_as_much(binding, declared)
            if fits or (base.key in names.mro(analysis, info.key)[0] and _can_be_made(analysis, info)):
                method = names.function_info(analysis, path, f"{class_name}.{name}", binding, info.key)
                found[method.id] = method
    return list(found.values())[:MOST_OPTIONS]


def entered(analysis: Analysis, cls: str, entering: str) -> list[str]:
    """The classes whose instances a `with` of one of `cls` enters, if that leaves methods open and they enter in their
    own way; none where its own method `entering` is what runs."""
    own = names.method(analysis, cls, entering)
    info = analysis.classes[cls]
    if own is None or is_abstract(own.node) or _can_be_made(analysis, info):
        return []
    return [below.owner for below in implementations(analysis, info, entering) if below.owner != cls]


def _takes_as_much(method: tree.Function, declared: Binding | None) -> bool:
    """Whether a method can be called with all that a protocol declares: as many in order, the others by name."""
    if not isinstance(declared, tree.Function):
        return True
    kinds = [one.kind for one in method.parameters]
    in_order = [one for one in declared.parameters if one.kind == "positional"]
    by_name = {one.name for one in declared.parameters if one.kind == "keyword"}
    takes_all = "double-star" in kinds or by_name <= {one.name for one in method.parameters}
    return takes_all and ("star" in kinds or kinds.count("positional") >= len(in_order))


def runs(frame: Frame, cls: str) -> bool:
    """Whether objects of a class run the method that is interpreted, and have none of their own in its place."""
    info = frame.function
    found = names.method(frame.analysis, cls, info.node.name) if info is not None else None
    return found is None or info is None or found.id == info.id


def always_has(analysis: Analysis, cls: str, name: str) -> bool:
    """Whether instances of a class have the member `name`: it has, or all that implement its abstract methods have."""
    if names.class_member(analysis, cls, name) is not None:
        return True
    info = analysis.classes[cls]
    below: set[str] = set()
    for method, bindings in info.scope.names.items():
        binding = bindings[-1]
        if isinstance(binding, tree.Function) and any(map(_marks_abstract, binding.decorators)):
            below |= {found.owner for found in implementations(analysis, info, method)}
    return bool(below) and all(names.class_member(analysis, one, name) is not None for one in below)


def never_has(analysis: Analysis, cls: str, name: str) -> bool:
    """Whether no instance of a class has the method `name`: the project only calls it, and knows all of the class.

    That is so when neither the class nor one above it is a library's, made by a decorator or a metaclass, or answers
    for names that it does not have.
    """
    if any(names.class_member(analysis, cls, one) is not None for one in (name, "__getattr__", "__getattribute__")):
        return False
    return all(_is_plain(analysis, above) for above in names.mro(analysis, cls)[0]) and all(
        path.endswith(".py") and _only_calls(analysis, path, name) for path in analysis.project.naming(name, name)
    )


def _is_plain(analysis: Analysis, cls: str) -> bool:
    info = analysis.classes[cls]
    if info.node.decorators or info.node.keywords or b"setattr" in analysis.project.bytes_of(info.path):
        return False
    frame = names.module_frame(analysis, info.path)
    bases = [expressions.evaluate(frame, State(), base) for base in info.node.bases]
    return all(isinstance(base, ClassOf) or base in _PLAIN_BASES for base in bases)


def _only_calls(analysis: Analysis, path: str, name: str) -> bool:
    mentions = analysis.project.bytes_of(path).count(name.encode())
    return mentions == len(analysis.project.index(path).calls.get(name, ()))


def _can_be_made(analysis: Analysis, info: ClassInfo) -> bool:
    """Whether a class leaves no abstract method open, so that there may be instances of it."""
    seen: set[str] = set()
    for key in names.mro(analysis, info.key)[0]:
        for name, bindings in analysis.classes[key].scope.names.items():
            binding = bindings[-1]
            if (
                name not in seen
                and isinstance(binding, tree.Function)
                and any(map(_marks_abstract, binding.decorators))
            ):
                return False
            seen.add(name)
    return True


def _marks_abstract(decorator: tree.Expression) -> bool:
    match decorator:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name == "abstractmethod"
        case _:
            return False


def task_class(frame: Frame, node: tree.Function) -> str:
    """The class that a decorator binds a task's first parameter to, `@celery.task(base=DatabaseTask, bind=True)`."""
    for decorator in node.decorators:
        for argument in decorator.arguments if isinstance(decorator, tree.Call) else []:
            if argument.keyword == "base":
                value = expressions.evaluate(frame, State(), argument.value)
                if isinstance(value, ClassOf):
                    return value.cls
    return ""
