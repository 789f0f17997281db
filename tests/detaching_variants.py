# ruff: noqa: E501  # a piece of code stands on a line
"""Services that give loaded objects whole to a call that waits: how they are loaded, what is done with them, and where.

They are put together like those of `variants`, whose models they share.
"""

from __future__ import annotations

import itertools
import random
import textwrap
from dataclasses import dataclass

from variants import ASYNC_ENGINE, MAKER, SYNC_ENGINE, TEMPLATE

HELPERS = """KEPT = []


{a}def ask(prompt: object) -> str:
    {a}with httpx.{client}() as client:
        response = {w}client.post(f"{{PEER}}/echo", json={{"prompt": str(prompt)}})
    return response.json()["text"]


{a}def tell(notes) -> str:
    lines = []
    for note in notes:
        lines.append(f"{{note.id}} {{note.body}}")
    return {w}ask("; ".join(lines))


{a}def tell_by_id(notes: dict) -> str:
    note = notes.get(1)
    return {w}ask(note.body if note is not None and hasattr(note, "body") else "none")


{a}def tell_all_by_id(notes: dict) -> str:
    return {w}tell(list(notes.values()))


{a}def tell_first(notes) -> str:
    return {w}ask(notes[0].body)


{a}def tell_tags(notes) -> str:
    return {w}ask([len(note.tags) for note in notes])


{a}def tell_label(notes) -> str:
    return {w}ask(notes[0].label)


{a}def tell_by_name(notes) -> str:
    return {w}ask(getattr(notes[0], "body", "none"))


{a}def tell_some_name(notes, name: str) -> str:
    return {w}ask(getattr(notes[0], name))


{a}def tell_and_change(notes) -> str:
    answer = {w}ask(notes[0].body)
    notes[0].answer = answer
    return answer


{a}def tell_and_change_one(note: Note) -> str:
    answer = {w}ask(note.body)
    note.answer = answer
    return answer


{a}def tell_and_keep(notes) -> str:
    KEPT.extend(notes)
    return {w}ask(notes[0].body)


{a}def tell_and_return(notes):
    {w}ask(notes[0].body)
    return notes[0]


{a}def tell_copies(notes) -> str:
    mine = sorted(notes, key=lambda one: one.id)
    return {w}tell([one for one in mine if one.body])


{a}def tell_with(db: {session}, notes) -> str:
    answer = {w}ask(notes[0].body)
    {w}db.refresh(notes[0])
    return answer


{a}def store(db: {session}) -> None:
    db.add(Note(body="stored"))
    {w}db.commit()


{a}def count(db: {session}) -> int:
    return {w}db.scalar(select(func.count(Note.id)))


"""

PLACES = {
    "own block": "{a}with maker() as db:\n{body}",
    "own block of a class that expires": "{a}with {session}(engine) as db:\n{body}",
    "begin block": "{a}with maker.begin() as db:\n{body}",
    "by hand": "db = maker()\ntry:\n{body}\nfinally:\n    {w}db.close()",
    "in a helper": "{a}with maker() as db:\n    return {w}work(db, fail, flag)",
    "in a helper for one that holds": "{a}with maker() as db:\n    mine = {w}db.get(Note, 1)\n    answer = {w}work(db, fail, flag)\n    mine.count += 1\n    {w}db.commit()\n    return answer",
    "from a dependency": "",
}

LOADS = {
    "all": "notes = ({w}db.scalars(select(Note).order_by(Note.id))).all()",
    "executed": "notes = ({w}db.execute(select(Note).order_by(Note.id))).scalars().all()",
    "a list": "notes = list(({w}db.scalars(select(Note).order_by(Note.id))).all())",
    "comprehension": "notes = [note for note in ({w}db.scalars(select(Note).order_by(Note.id))).all() if note.id]",
    "several times": "notes = ({w}db.scalars(select(Note).join(Tag).order_by(Note.id))).all()",
    "put together": "notes = list(({w}db.scalars(select(Note).order_by(Note.id))).all())\nnotes.append({w}db.get(Note, 1))",
    "partly": "notes = ({w}db.scalars(select(Note).options(load_only(Note.id)).order_by(Note.id))).all()",
    "twice": "others = ({w}db.scalars(select(Note))).all()\nnotes = ({w}db.scalars(select(Note).order_by(Note.id))).all()",
    "one more": "one = {w}db.get(Note, 1)\nnotes = ({w}db.scalars(select(Note).order_by(Note.id))).all()",
    "of a statement": "statement = select(Note).order_by(Note.id)\nnotes = ({w}db.scalars(statement)).all()",
}
"""They all leave some notes in `notes`."""

BETWEEN = {
    "nothing": "",
    "commits": "{w}db.commit()",
    "rolls back": "{w}db.rollback()",
    "commits perhaps": "if flag:\n    {w}db.commit()",
    "a helper commits": "{w}store(db)",
    "a helper counts": "total = {w}count(db)",
    "adds": "db.add(Note(body='new'))",
    "adds and flushes": "db.add(Note(body='new'))\n{w}db.flush()",
    "changes": "notes[0].body = 'changed'",
    "changes another": "same = {w}db.get(Note, 1)\nsame.body = 'changed'",
    "updates": "{w}db.execute(update(Note).values(count=5))",
    "expires": "db.expire(notes[0])",
    "dict": "by_id = {{note.id: note for note in notes}}",
    "reads": "bodies = [note.body for note in notes]",
}

WAITS = {
    "reads": "answer = {w}tell(notes)",
    "reads one": "answer = {w}tell([notes[0]])",
    "reads by id": "by_number = {{note.id: note for note in notes}}\nanswer = {w}tell_by_id(by_number)",
    "reads all by id": "by_number = {{note.id: note for note in notes}}\nanswer = {w}tell_all_by_id(by_number)",
    "reads the first": "answer = {w}tell_first(notes)",
    "loads": "answer = {w}tell_tags(notes)",
    "loads by a property": "answer = {w}tell_label(notes)",
    "by name": "answer = {w}tell_by_name(notes)",
    "by some name": 'answer = {w}tell_some_name(notes, "tags" if flag else "body")',
    "changes": "answer = {w}tell_and_change(notes)",
    "changes an item": "answer = {w}tell_and_change_one(notes[0])",
    "keeps": "answer = {w}tell_and_keep(notes)",
    "gives back": "found = {w}tell_and_return(notes)\nfound.count += 1\nanswer = 'a'",
    "copies": "answer = {w}tell_copies(notes)",
    "with the session": "answer = {w}tell_with(db, notes)",
    "in turns": "answer = ''\nfor turn in range(2):\n    answer += {w}tell(notes)\n    {w}db.scalar(select(Note.id).limit(1))",
    "in turns that commit": "answer = ''\nfor turn in range(2):\n    if turn:\n        {w}db.commit()\n        if not flag:\n            continue\n    answer += {w}tell(notes)\n    {w}db.scalar(select(Note.id).limit(1))",
    "another name": "send = tell\nanswer = {w}send(notes)",
    "twice": "answer = {w}tell(notes)\n{w}db.scalar(select(Note.id).limit(1))\nanswer += {w}tell(notes)",
    "caught": "try:\n    answer = {w}tell(notes)\nexcept ValueError:\n    answer = 'none'",
    "one object": "note = {w}db.get(Note, 1)\nanswer = {w}tell([note])",
    "one that is there": "note = {w}db.scalar(select(Note).order_by(Note.id).limit(1))\nif note is None:\n    return 'none'\nanswer = {w}tell([note])",
}

AFTER = {
    "nothing": "",
    "reads": "told = [note.body for note in notes]",
    "reads another": "told = ({w}db.get(Note, 1)).body",
    "loads": "told = [len({lazy}) for note in notes]",
    "changes": "notes[0].answer = answer",
    "changes each": "for note in notes:\n    note.count += 1",
    "changes another": "other = {w}db.get(Note, 1)\nother.answer = answer",
    "changes the first": "first = notes[0]\nfirst.answer = answer",
    "refreshes": "{w}db.refresh(notes[0])",
    "adds": "db.add(notes[0])",
    "merges": "{w}db.merge(notes[0])",
    "deletes": "{w}db.delete(notes[0])",
    "relates": "notes[0].tags.append(Tag(name='late'))",
    "stores": "db.add(Note(body=str(answer)))",
    "updates": "{w}db.execute(update(Note).values(count=7))\ntold = [note.count for note in notes]",
    "keeps": "KEPT.append(notes)",
    "others": "for note in others if 'others' in locals() else []:\n    note.count += 1",
    "the one": "if 'one' in locals():\n    one.count += 1",
}

RESULTS = (
    "str(answer)",
    "[str(answer), len(notes)]",
    "[note.body for note in notes]",
    "[str(answer), told if 'told' in locals() else 0]",
)


@dataclass(frozen=True)
class DetachingVariant:
    """The names of the parts of one service."""

    is_async: bool
    place: str
    maker: str
    load: str
    between: str
    wait: str
    after: str
    commits: bool
    result: str

    def __str__(self) -> str:
        kind = "async" if self.is_async else "sync"
        ends = "commits" if self.commits else ""
        parts = (kind, self.place, self.maker, self.load, self.between, f"[{self.wait}]", self.after, ends, self.result)
        return " / ".join(part for part in parts if part)


def source(variant: DetachingVariant) -> str:
    """The module of a variant."""
    is_async = variant.is_async
    words = {
        "a": "async " if is_async else "",
        "w": "await " if is_async else "",
        "session": "AsyncSession" if is_async else "Session",
        "client": "AsyncClient" if is_async else "Client",
        "lazy": "await note.awaitable_attrs.tags" if is_async else "note.tags",
    }
    parts = [LOADS[variant.load], BETWEEN[variant.between], WAITS[variant.wait]]
    parts += ["if fail:\n    raise HTTPException(409)", AFTER[variant.after]]
    commits = variant.commits and variant.place != "begin block"
    result = ["result = " + variant.result, "{w}db.commit()" if commits else "", "return result"]
    body = "\n".join(part.format_map(words) for part in parts) + "\n" + "\n".join(result).format_map(words)
    body = "\n".join(line for line in body.splitlines() if line)
    engine = (ASYNC_ENGINE if is_async else SYNC_ENGINE).format(engine_options="", maker_options=variant.maker)
    create = "await connection.run_sync(Base.metadata.{}_all)" if is_async else "Base.metadata.{}_all(connection)"
    a, session = words["a"], words["session"]
    head = f'@app.post("/run")\n{a}def run(fail: bool = False, flag: bool = True):\n'
    if variant.place == "from a dependency":
        handler = head.replace("flag: bool = True", f"flag: bool = True, db: {session} = Depends(get_db)")
        handler += textwrap.indent(body, "    ")
    elif variant.place.startswith("in a helper"):
        helper = f"{a}def work(db: {session}, fail: bool, flag: bool):\n{textwrap.indent(body, '    ')}\n\n\n"
        handler = helper + head + textwrap.indent(PLACES[variant.place].format_map(words), "    ")
    else:
        block = PLACES[variant.place].replace(
            "{body}", textwrap.indent(body, "    ").replace("{", "{{").replace("}", "}}")
        )
        handler = head + textwrap.indent(block.format_map(words), "    ")
    module = TEMPLATE.format(
        engine=engine,
        provider=f"{a}def get_db():\n    {a}with maker() as session:\n        yield session\n",
        helpers=HELPERS.format_map(words),
        handler=handler + "\n",
        setup_create=create.format("drop") + "\n        " + create.format("create"),
        a=a,
        w=words["w"],
    )
    return module.replace("mapped_column, relationship,", "load_only, mapped_column, relationship,")


def drawn(seed: int, count: int) -> list[DetachingVariant]:
    """`count` services: each part at least once, then by chance."""
    chance = random.Random(seed)
    tables = {"place": PLACES, "load": LOADS, "between": BETWEEN, "wait": WAITS, "after": AFTER}
    found = [
        _plain(is_async, commits=commits, **{part: name})
        for is_async, commits in itertools.product((True, False), (True, False))
        for part, table in tables.items()
        for name in table
    ]
    while len(found) < count:
        found.append(
            DetachingVariant(
                chance.random() < 0.5,
                chance.choice(["own block", "own block", *PLACES]),
                chance.choice(["", "", ", expire_on_commit=True", ", autoflush=False", MAKER[0]]),
                chance.choice(list(LOADS)),
                chance.choice(["nothing", "nothing", "reads", "a helper counts", *BETWEEN]),
                chance.choice(list(WAITS)),
                chance.choice(["nothing", "reads", "stores", *AFTER]),
                chance.random() < 0.6,
                chance.choice(RESULTS),
            )
        )
    return found


def _plain(
    is_async: bool,
    *,
    commits: bool,
    place: str = "own block",
    load: str = "all",
    between: str = "nothing",
    wait: str = "reads",
    after: str = "nothing",
) -> DetachingVariant:
    return DetachingVariant(is_async, place, "", load, between, wait, after, commits, RESULTS[0])
