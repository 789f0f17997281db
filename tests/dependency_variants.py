# ruff: noqa: E501  # a block stands on a line
"""Services whose dependency queries and whose handlers wait: what may stand in the dependency and around it."""

from __future__ import annotations

import itertools
import textwrap

from variants import ASK, ASYNC_ENGINE, MAKER, PROVIDERS, SYNC_ENGINE, TEMPLATE

BODIES = {
    "returns what it found": "note = {w}db.get(Note, 1)\nif note is None:\n    raise HTTPException(404)\nreturn note",
    "returns a query": "return {w}db.scalar(select(Note).order_by(Note.id).limit(1))",
    "returns early": "if not flag:\n    return None\nnote = {w}db.get(Note, 1)\nreturn note",
    "returns nothing": "number = {w}db.scalar(select(func.count()).select_from(Note))\nif number is None:\n    raise HTTPException(403)",
    "writes": "note = {w}db.get(Note, 1)\nnote.count += 1\nreturn note",
    "writes and commits": "note = {w}db.get(Note, 1)\nnote.count += 1\n{w}db.commit()\nagain = {w}db.get(Note, 1, populate_existing=True)\nreturn again",
    "adds": "db.add(Note(body=\"seen\"))\nreturn {w}db.get(Note, 1)",
    "locks": "return {w}db.scalar(select(Note).where(Note.id == 1).with_for_update())",
    "tries": "try:\n    note = {w}db.get(Note, 1)\n    return note\nexcept ValueError:\n    return None",
    "falls back": "try:\n    {w}db.execute(text(\"SELECT * FROM nowhere\"))\nexcept Exception:\n    {w}db.rollback()\n    return {w}db.get(Note, 1)\nreturn None",
    "loops": "for number in (3, 2, 1):\n    note = {w}db.get(Note, number)\n    if note is not None:\n        return note\nreturn None",
    "one line": "note = {w}db.get(Note, 1)\nif note is None: return None\nreturn note",
    "asks the repository": "return {w}Notes(db).first()",
    "in a block": "{a}with db.no_autoflush_block() if False else contextlib.nullcontext():\n    note = {w}db.get(Note, 1)\nreturn note",
}  # fmt: skip

HANDLERS = {
    "waits": 'answer = {w}ask("x")',
    "reads": "answer = {w}ask(note.body if note else \"x\")",
    "changes": 'answer = {w}ask("x")\nif note is not None:\n    note.answer = str(answer)',
    "reads tags": 'answer = {w}ask("x")\nif note is not None:\n    answer = str(len({tags}))',
}  # fmt: skip

USES = {
    "alone": "",
    "beside a writer": '''
{a}def earlier(db: {session} = Depends(get_db)):
    db.add(Note(body="earlier"))


@app.post("/other", dependencies=[Depends(earlier)])
{a}def other(note=Depends(found), fail: bool = False):
    if fail:
        raise HTTPException(409)
    return "other"
''',
    "called": '''
@app.post("/other")
{a}def other(fail: bool = False, db: {session} = Depends(get_db)):
    db.add(Note(body="before"))
    note = {w}found(True, db)
    if fail:
        raise HTTPException(409)
    return "other"
''',
    "asked twice": '''
{a}def outer(note=Depends(found), db: {session} = Depends(get_db)):
    {w}db.execute(text("SELECT 1"))
    return note


@app.post("/other")
{a}def other(note=Depends(outer), fail: bool = False):
    answer = {w}ask("y")
    if fail:
        raise HTTPException(409)
    return answer
''',
}  # fmt: skip

Parts = tuple[bool, str, str, str, str, str]


def source(parts: Parts) -> str:
    """The module of a service, by the names of its parts."""
    is_async, provider, maker, body, handler, use = parts
    words = {
        "a": "async " if is_async else "",
        "w": "await " if is_async else "",
        "session": "AsyncSession" if is_async else "Session",
        "client": "AsyncClient" if is_async else "Client",
        "tags": "await note.awaitable_attrs.tags" if is_async else "note.tags",
    }

    def filled(block: str) -> str:
        return block.format_map(words)

    lines = [
        f"{words['a']}def found(flag: bool = True, db: {words['session']} = Depends(get_db)):",
        textwrap.indent(filled(BODIES[body]), "    "),
        "",
        "",
        filled(USES[use]).strip("\n"),
        "",
        "",
        '@app.post("/run")',
        f"{words['a']}def run(note=Depends(found), fail: bool = False):",
        textwrap.indent(filled(HANDLERS[handler]), "    "),
        "    if fail:",
        "        raise HTTPException(409)",
        "    return [str(answer), note.body if note is not None else None]",
    ]
    create = "await connection.run_sync(Base.metadata.{}_all)" if is_async else "Base.metadata.{}_all(connection)"
    module = TEMPLATE.format(
        engine=(ASYNC_ENGINE if is_async else SYNC_ENGINE).format(engine_options="", maker_options=maker),
        provider=filled(PROVIDERS[provider]),
        helpers=filled(ASK),
        handler="\n".join(lines) + "\n",
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a=words["a"],
        w=words["w"],
    )
    more = '    ("POST", "/other?fail=1"),\n    ("GET", "/rows"),\n    ("POST", "/other"),\n    ("GET", "/rows"),\n]\n'
    return module.removesuffix("]\n") + more


def every() -> list[Parts]:
    """All services: each part with the plain others, and the bodies with all handlers."""
    found: dict[Parts, None] = {}
    for is_async in (True, False):
        for maker in (MAKER[0], ""):
            found |= {(is_async, "closes", maker, body, "waits", "alone"): None for body in BODIES}
        found |= {(is_async, provider, MAKER[0], "returns a query", "waits", "alone"): None for provider in PROVIDERS}
        found |= {
            (is_async, "commits after yield", MAKER[0], *pair, "alone"): None
            for pair in itertools.product(BODIES, HANDLERS)
        }
        found |= {(is_async, "closes", MAKER[0], "returns a query", "waits", use): None for use in USES}
        found |= {(is_async, "rolls back", MAKER[0], "returns early", "reads", use): None for use in USES}
    return list(found)
