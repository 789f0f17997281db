"""Evidence that a variable of unknown type is a holder: SQL-shaped use, or being passed on to a parameter that is one.

A name proves nothing: `session` is as often an HTTP session as a database session.
"""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.interpreting import parameters
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.values import UNKNOWN, FunctionOf, Holder, Place, Value
from flake8_poolhold.flow.naming import names

_STATEMENTS = frozenset({"execute", "scalar", "scalars", "stream", "stream_scalars"})
_BUILDERS = frozenset({"select", "insert", "update", "delete", "text", "exists", "union"})
_CLAUSES = frozenset({"where", "order_by", "select_from", "returning"})
_OURS_ALONE = frozenset({"scalars", "stream_scalars", "add_all", "expunge_all", "begin_nested", "expire_on_commit"})
_TOGETHER = frozenset(
    {"add", "commit", "flush", "refresh", "rollback", "execute", "merge", "expunge", "delete", "query"}
)


def untyped_parameter(analysis: Analysis, info: FunctionInfo, parameter: tree.Parameter, place: Place) -> Value:
    """A holder when the function uses the parameter as one; unknown otherwise."""
    if parameter.kind not in ("positional", "keyword"):
        return UNKNOWN
    kind = holder_kind(analysis, info, parameter.name)
    return Holder(kind, place) if kind else UNKNOWN


def holder_kind(analysis: Analysis, info: FunctionInfo, name: str) -> str:
    """The kind of holder that a function uses its variable `name` as; empty when nothing tells."""
    key = (info.id, name)
    known = analysis.untyped.get(key)
    if known is None:
        with analysis.tracker.finding(("untyped", *key)):
            analysis.untyped[key] = ""
            known = analysis.untyped[key] = _used_as(info, name) or _passed_on(analysis, info, name)
    return known


def says_nothing(annotation: tree.Expression) -> bool:
    """Whether an annotation leaves everything open."""
    return isinstance(annotation, tree.Name) and annotation.id in ("Any", "object")


def _used_as(info: FunctionInfo, name: str) -> str:
    """What the methods that are called on the variable tell."""
    used: set[str] = set()
    awaited = strong = False
    statements: set[str] | None = None
    for node in walk(info.node.body):
        call = node.value if isinstance(node, tree.Await) else node
        method = _method_on(call, name)
        if not method or not isinstance(call, tree.Call):
            continue
        used.add(method)
        awaited = awaited or isinstance(node, tree.Await)
        if method in _STATEMENTS and call.arguments and not strong:
            statements = _statement_variables(info) if statements is None else statements
            strong = _is_statement(call.arguments[0].value, statements)
        strong = strong or method in _OURS_ALONE or (method == "query" and _is_model(call))
    if strong or ("add" in used and len(used & _TOGETHER) > 1) or {"refresh", "commit"} <= used:
        return "AsyncSession" if awaited else "Session"
    return ""


def _method_on(node: tree.Node, name: str) -> str:
    """The method that a call calls on the variable `name`; empty for anything else."""
    match node:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=method)) if owner == name:
            return method
        case _:
            return ""


def _is_model(call: tree.Call) -> bool:
    """`query(User)` and `query(User.id)`, not `query("select ...")`."""
    return bool(call.arguments) and isinstance(call.arguments[0].value, tree.Name | tree.Attribute)


def _is_statement(expression: tree.Expression, variables: set[str]) -> bool:
    """Whether an expression is built by `select(...)`, `sa.select(...)`, `Model.select(...)` and the like."""
    while isinstance(expression, tree.Call | tree.Attribute):
        if isinstance(expression, tree.Call):
            callee = expression.function
            if isinstance(callee, tree.Name):
                return callee.id in _BUILDERS
            if isinstance(callee, tree.Attribute) and callee.name in _BUILDERS | _CLAUSES:
                return True
        expression = expression.function if isinstance(expression, tree.Call) else expression.value
    return isinstance(expression, tree.Name) and expression.id in variables


def _statement_variables(info: FunctionInfo) -> set[str]:
    """The variables of a function that a statement is assigned to."""
    found: set[str] = set()
    for node in walk(info.node.body):
        if isinstance(node, tree.Assign) and isinstance(node.value, tree.Call) and _is_statement(node.value, set()):
            found |= {target.id for target in node.targets if isinstance(target, tree.Name)}
    return found


def _passed_on(analysis: Analysis, info: FunctionInfo, name: str) -> str:
    """The kind of the holder parameter of a project's function or method to which the variable is passed."""
    for node in walk(info.node.body):
        if not isinstance(node, tree.Call) or not any(_is_name(argument.value, name) for argument in node.arguments):
            continue
        target, skipped = _callee(analysis, info, node.function)
        if target is None:
            continue
        positional = [parameter for parameter in target.node.parameters if parameter.kind == "positional"][skipped:]
        for index, argument in enumerate(node.arguments):
            if not _is_name(argument.value, name):
                continue
            parameter = next((p for p in target.node.parameters if p.name == argument.keyword), None)
            if parameter is None and argument.keyword is None and not argument.star and index < len(positional):
                parameter = positional[index]
            if parameter is not None:
                value = parameters.general_value(analysis, target, target.node.parameters.index(parameter), parameter)
                if isinstance(value, Holder):
                    return value.kind
    return ""


def _callee(analysis: Analysis, info: FunctionInfo, expression: tree.Expression) -> tuple[FunctionInfo | None, int]:
    """The project's function that is called, by name, through a module or on `self`; how many parameters are bound."""
    match expression:
        case tree.Name(id=name):
            callee = names.module_name(analysis, info.path, name)
        case tree.Attribute(value=tree.Name(id="self"), name=name) if info.owner:
            return names.method(analysis, info.owner, name), 1
        case tree.Attribute(value=tree.Name(id=module), name=name):
            callee = names.member_of_module(analysis, names.module_name(analysis, info.path, module), name)
        case _:
            return None, 0
    return (analysis.functions[callee.function], 0) if isinstance(callee, FunctionOf) else (None, 0)


def _is_name(expression: tree.Expression, name: str) -> bool:
    return isinstance(expression, tree.Name) and expression.id == name


def tested_names(analysis: Analysis, info: FunctionInfo) -> frozenset[str]:
    """The names that the conditions of a function mention, or that say whether a row is locked."""
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
                case tree.NoneTest(value=value):
                    tests.append(value)
                case tree.Argument(keyword="with_for_update" | "for_update", value=value):
                    tests.append(value)
                case _:
                    pass
        known = analysis.tested[info.id] = frozenset(node.id for node in walk(tests) if isinstance(node, tree.Name))
    return known
