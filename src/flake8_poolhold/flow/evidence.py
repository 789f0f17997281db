"""Evidence that an unannotated parameter is a holder: SQL-shaped use, or being passed on to a parameter that is one.

A name proves nothing: `session` is as often an HTTP session as a database session.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow import names, summaries
from flake8_poolhold.flow.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.values import UNKNOWN, FunctionOf, Holder, Place, Value

_STATEMENTS = frozenset({"execute", "scalar", "scalars", "stream", "stream_scalars"})
_BUILDERS = frozenset({"select", "insert", "update", "delete", "text", "exists", "union"})
_OURS_ALONE = frozenset({"scalars", "stream_scalars", "add_all", "expunge_all", "begin_nested", "expire_on_commit"})
_TOGETHER = frozenset(
    {"add", "commit", "flush", "refresh", "rollback", "execute", "merge", "expunge", "delete", "query"}
)


def untyped_parameter(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter, place: Place) -> Value:
    """A holder when the function uses the parameter as one; unknown otherwise."""
    if parameter.annotation is not None and not _says_nothing(parameter.annotation):
        return UNKNOWN
    if parameter.kind not in ("positional", "keyword"):
        return UNKNOWN
    key = (info.id, parameter.name)
    known = analysis.untyped.get(key)
    if known is None:
        analysis.untyped[key] = ""
        known = analysis.untyped[key] = _kind(analysis, info, parameter.name)
    return Holder(known, place) if known else UNKNOWN


def _says_nothing(annotation: tree.Expression) -> bool:
    return isinstance(annotation, tree.Name) and annotation.id in ("Any", "object")


def _kind(analysis: Analysis, info: FunctionInfo, name: str) -> str:
    used: set[str] = set()
    awaited = strong = False
    for node in walk(info.node.body):
        awaiting = isinstance(node, tree.Await)
        call = node.value if isinstance(node, tree.Await) else node
        if not isinstance(call, tree.Call) or not _is_method_of(call, name):
            continue
        method = call.function.name if isinstance(call.function, tree.Attribute) else ""
        used.add(method)
        awaited = awaited or awaiting
        strong = strong or method in _OURS_ALONE or (method in _STATEMENTS and _takes_statement(call))
        strong = strong or (method == "query" and bool(call.arguments))
    if (
        strong
        or (len(used & _TOGETHER) >= 2 and "add" in used)
        or {"refresh", "commit"} <= used
        or {"flush", "add"} <= used
    ):
        return "AsyncSession" if awaited else "Session"
    return _passed_on(analysis, info, name)


def _is_method_of(call: tree.Call, name: str) -> bool:
    function = call.function
    return isinstance(function, tree.Attribute) and isinstance(function.value, tree.Name) and function.value.id == name


def _takes_statement(call: tree.Call) -> bool:
    """Whether the first argument is built by `select(...)` and the like."""
    expression: tree.Expression | None = call.arguments[0].value if call.arguments else None
    while isinstance(expression, tree.Call | tree.Attribute):
        if isinstance(expression, tree.Call) and isinstance(expression.function, tree.Name):
            return expression.function.id in _BUILDERS
        expression = expression.function if isinstance(expression, tree.Call) else expression.value
    return False


def _passed_on(analysis: Analysis, info: FunctionInfo, name: str) -> str:
    """The kind of the holder parameter of a project's function to which `name` is passed."""
    for node in walk(info.node.body):
        if not isinstance(node, tree.Call) or not any(_is_name(argument.value, name) for argument in node.arguments):
            continue
        if not isinstance(node.function, tree.Name):
            continue
        callee = names.module_name(analysis, info.path, node.function.id)
        if not isinstance(callee, FunctionOf):
            continue
        target = analysis.functions[callee.function]
        positional = [parameter for parameter in target.node.parameters if parameter.kind == "positional"]
        for index, argument in enumerate(node.arguments):
            if not _is_name(argument.value, name):
                continue
            parameter = next((p for p in target.node.parameters if p.name == argument.keyword), None)
            if parameter is None and argument.keyword is None and not argument.star and index < len(positional):
                parameter = positional[index]
            if parameter is not None:
                value = summaries.general_value(analysis, target, target.node.parameters.index(parameter), parameter)
                if isinstance(value, Holder):
                    return value.kind
    return ""


def _is_name(expression: tree.Expression, name: str) -> bool:
    return isinstance(expression, tree.Name) and expression.id == name


def tested_names(analysis: Analysis, info: FunctionInfo) -> frozenset[str]:
    """The names that the conditions of a function mention."""
    known = analysis.tested.get(info.id)
    if known is None:
        tests: list[object] = []
        for node in walk([info.node.body]):
            match node:
                case tree.If(arms=arms):
                    tests += [test for test, _ in arms]
                case tree.While(test=test) | tree.Conditional(test=test):
                    tests.append(test)
                case tree.Either(parts=parts):
                    tests += parts
                case _:
                    pass
        known = analysis.tested[info.id] = frozenset(node.id for node in walk(tests) if isinstance(node, tree.Name))
    return known


def walk(root: object) -> Iterator[tree.Node]:
    """All nodes below `root`, in no particular order."""
    waiting: list[object] = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting.extend(part)
        elif isinstance(part, tree.Node):
            yield part
            waiting.extend(getattr(part, field) for field in part.__struct_fields__)
