from __future__ import annotations

import importlib
import importlib.util
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from flake8_poolhold.knowledge import Knowledge, KnowledgeError, Library, Wait, load, longest, tables
from flake8_poolhold.knowledge.patterns import PatternSet

LIBRARIES = tables.read()

AWAITED = [
    ("httpx.AsyncClient.post", "httpx", "http"),
    ("httpx.AsyncClient.stream", "httpx", "http"),
    ("httpx.AsyncClient.stream().aread", "httpx", "http"),
    ("httpx.AsyncClient.stream().aiter_lines", "httpx", "http"),
    ("httpx.AsyncClient.post().json", "httpx", "http"),
    ("httpx2.AsyncClient.get", "httpx2", "http"),
    ("aiohttp.ClientSession.get", "aiohttp", "http"),
    ("aiohttp.ClientSession.get().json", "aiohttp", "http"),
    ("openai.AsyncOpenAI.chat.completions.create", "openai", "llm"),
    ("openai.AsyncOpenAI.chat.completions.create()", "openai", "llm"),
    ("openai.AsyncOpenAI.chat.completions.with_raw_response.create", "openai", "llm"),
    ("anthropic.AsyncAnthropic.messages.stream", "anthropic", "llm"),
    ("anthropic.AsyncAnthropic.messages.stream().text_stream", "anthropic", "llm"),
    ("litellm.acompletion", "litellm", "llm"),
    ("litellm.acompletion()", "litellm", "llm"),
    ("google.genai.Client.aio.models.generate_content", "google.genai", "llm"),
    ("langchain_openai.ChatOpenAI.ainvoke", "langchain_openai", "llm"),
    ("langgraph.graph.StateGraph.compile().astream", "langgraph", "llm"),
    ("pydantic_ai.Agent.run", "pydantic_ai", "llm"),
    ("agents.Runner.run", "agents", "llm"),
    ("stripe.Customer.create_async", "stripe", "payment"),
    ("aioboto3.Session.client().get_object", "aioboto3", "storage"),
    ("types_aiobotocore_s3.client.S3Client.get_object", "types_aiobotocore_s3", "storage"),
    ("types_aiobotocore_bedrock_runtime.client.BedrockRuntimeClient.converse", None, "llm"),
    ("aiosmtplib.send", "aiosmtplib", "mail"),
    ("aiosmtplib.SMTP", "aiosmtplib", "mail"),
    ("redis.asyncio.Redis.get", "redis.asyncio", "cache"),
    ("redis.asyncio.Redis.pipeline().execute", "redis.asyncio", "cache"),
    ("aiogram.types.Message.answer", "aiogram", "bot"),
    ("mcp.ClientSession.call_tool", "mcp", "rpc"),
    ("mcp.client.stdio.stdio_client", "mcp", "rpc"),
    ("arq.connections.ArqRedis.enqueue_job", "arq", "queue"),
    ("fastapi.WebSocket.receive_text", None, "client-stream"),
    ("starlette.websockets.WebSocket.send_json", None, "client-stream"),
    ("asyncio.sleep", "asyncio.sleep", "sleep"),
    ("asyncio.Event.wait", "asyncio", "sleep"),
    ("asyncio.create_subprocess_exec().communicate", None, "subprocess"),
    ("tenacity.retry", "tenacity", "sleep"),
    ("google.cloud.storage.Client.something_async", "google.cloud.storage", "storage"),
    ("google.cloud.vision.ImageAnnotatorAsyncClient.annotate_image", "google.cloud", "rpc"),
]

NOT_AWAITED = [
    "httpx.AsyncClient",
    "httpx.AsyncClient.aclose",
    "httpx.AsyncClient.post().aread",
    "httpx.AsyncClient.__aexit__",
    "httpx.AsyncClient.__aenter__",
    "aiohttp.ClientSession",
    "aiohttp.ClientSession.close",
    "openai.AsyncOpenAI.with_options",
    "openai.AsyncOpenAI.close",
    "litellm.token_counter",
    "langchain_core.prompts.ChatPromptTemplate.ainvoke",
    "langchain_text_splitters.RecursiveCharacterTextSplitter.atransform_documents",
    "aioboto3.Session.client",
    "aiobotocore.session.get_session().create_client",
    "types_aiobotocore_s3.client.S3Client.generate_presigned_url",
    "redis.asyncio.Redis.pipeline",
    "redis.asyncio.Redis.aclose",
    "aiogram.fsm.context.FSMContext.set_state",
    "asyncio.gather",
    "asyncio.Lock.acquire",
    "asyncio.to_thread",
    "fastapi.WebSocket.accept",
    "requests.get",
    "psycopg.AsyncConnection.execute",
    "aiocache.SimpleMemoryCache.get",
    "anyio.to_thread.run_sync",
    "sqlalchemy.ext.asyncio.AsyncSession.execute",
    "app.services.llm.complete",
    "httpxyz.AsyncClient.post",
]

BLOCKING = [
    ("requests.get", "requests", "http", False),
    ("requests.Session.post", "requests", "http", False),
    ("requests.sessions.Session.get", "requests", "http", False),
    ("httpx.get", "httpx", "http", False),
    ("httpx.Client.stream", "httpx", "http", False),
    ("openai.OpenAI.chat.completions.create", "openai", "llm", False),
    ("openai.AzureOpenAI.embeddings.create", "openai", "llm", False),
    ("anthropic.Anthropic.messages.stream", "anthropic", "llm", False),
    ("google.genai.Client.models.generate_content", "google.genai", "llm", False),
    ("litellm.completion", "litellm", "llm", False),
    ("boto3.client().get_object", "boto3", "storage", False),
    ("boto3.resource().Bucket.upload_file", "boto3", "storage", False),
    ("stripe.checkout.Session.create", "stripe", "payment", False),
    ("stripe.StripeClient.v1.customers.create", "stripe", "payment", False),
    ("celery.Celery.task().delay", "celery", "queue", False),
    ("smtplib.SMTP", "smtplib", "mail", False),
    ("smtplib.SMTP.send_message", "smtplib", "mail", False),
    ("subprocess.run", "subprocess", "subprocess", False),
    ("time.sleep", "time", "sleep", False),
    ("urllib.request.urlopen", "urllib.request", "http", False),
    ("psycopg2.connect", "psycopg2", "database", True),
    ("psycopg2.connect().cursor().execute", "psycopg2", "database", True),
    ("psycopg2.extensions.connection.commit", "psycopg2", "database", True),
    ("psycopg.Cursor.fetchall", "psycopg", "database", True),
    ("MySQLdb.connect().cursor().execute", "MySQLdb", "database", True),
    ("sqlite3.connect().execute", "sqlite3", "database", True),
    ("redis.Redis.get", "redis", "cache", True),
    ("pymongo.MongoClient.get_database().find_one", "pymongo", "database", True),
]

NOT_BLOCKING = [
    "requests.Session",
    "requests.get().json",
    "requests.Session.close",
    "httpx.AsyncClient.post",
    "httpx.Client",
    "httpx.Timeout",
    "openai.OpenAI",
    "openai.OpenAI.with_options",
    "openai.AsyncOpenAI.chat.completions.create",
    "openai.OpenAI.chat.completions.create().model_dump",
    "google.genai.Client",
    "google.genai.Client.aio.models.generate_content",
    "litellm.token_counter",
    "boto3.client",
    "boto3.client().generate_presigned_url",
    "boto3.resource().Bucket",
    "boto3.resource().Bucket.objects.all",
    "stripe.Customer.create_async",
    "stripe.Webhook.construct_event",
    "redis.Redis.pipeline",
    "redis.Redis.pipeline().set",
    "redis.asyncio.Redis.get",
    "psycopg.AsyncConnection.execute",
    "psycopg2.connect().cursor",
    "confluent_kafka.Producer.produce",
    "google.cloud.pubsub_v1.PublisherClient.publish",
    "google.cloud.storage.Client.bucket",
    "google.cloud.tasks_v2.CloudTasksClient.queue_path",
    "time.monotonic",
    "subprocess.Popen",
    "langchain_core.prompts.ChatPromptTemplate.invoke",
    "json.loads",
]


def make(**table: object) -> Knowledge:
    text = "\n".join(f"{key} = {value!r}" for key, value in table.items())
    return Knowledge(tables.parse("waits/test.toml", f"[lib]\nclass = 'http'\ntypical = '1 s'\n{text}\n"))


@pytest.mark.parametrize(("path", "library", "kind"), AWAITED)
def test_awaiting_waits(path: str, library: str | None, kind: str) -> None:
    wait = load({}).wait_of_await(path)
    assert wait is not None
    assert wait.kind == kind
    assert library in (None, wait.library)
    assert not wait.driver


@pytest.mark.parametrize("path", NOT_AWAITED)
def test_awaiting_does_not_wait(path: str) -> None:
    assert load({}).wait_of_await(path) is None


@pytest.mark.parametrize(("path", "library", "kind", "driver"), BLOCKING)
def test_call_blocks(path: str, library: str, kind: str, driver: bool) -> None:
    wait = load({}).wait_of_blocking_call(path)
    assert wait is not None
    assert (wait.library, wait.kind, wait.driver) == (library, kind, driver)


@pytest.mark.parametrize("path", NOT_BLOCKING)
def test_call_does_not_block(path: str) -> None:
    assert load({}).wait_of_blocking_call(path) is None


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("aiosmtplib.SMTP", True),
        ("mcp.ClientSession", False),
        ("httpx.AsyncClient", False),
        ("httpx.AsyncClient.stream()", True),
        ("redis.asyncio.Redis.pipeline()", False),
        ("aiohttp.ClientSession", False),
    ],
)
def test_entry(path: str, waits: bool) -> None:
    assert (load({}).wait_of_enter(path) is not None) is waits


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("aiokafka.AIOKafkaConsumer", True),
        ("aiohttp.ClientWebSocketResponse", True),
        ("openai.AsyncOpenAI.chat.completions.create()", True),
        ("tenacity.AsyncRetrying", True),
        ("fastapi.WebSocket", False),
        ("app.Pager", False),
    ],
)
def test_iteration(path: str, waits: bool) -> None:
    assert (load({}).wait_of_iteration(path) is not None) is waits


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("boto3.client().get_paginator().paginate()", True),
        ("boto3.resource().Bucket.objects.filter()", True),
        ("pymongo.MongoClient.users.find()", True),
        ("pymongo.MongoClient.users.find().limit()", True),
        ("minio.Minio.list_objects()", True),
        ("google.cloud.storage.Client.bucket().list_blobs()", True),
        ("redis.Redis.scan_iter()", True),
        ("boto3.client().list_objects_v2()", False),
        ("pymongo.AsyncMongoClient.users.find()", False),
        ("httpx.Response", False),
        ("app.items()", False),
    ],
)
def test_plain_iteration(path: str, waits: bool) -> None:
    assert (load({}).wait_of_plain_iteration(path) is not None) is waits
    assert not (waits and load({}).wait_of_blocking_call(path)), "a lazy call itself does not block"


@pytest.mark.parametrize(
    ("path", "returned"),
    [
        ("openai.AsyncOpenAI.with_options", "openai.AsyncOpenAI"),
        ("openai.AsyncOpenAI.with_options()", "openai.AsyncOpenAI"),
        ("boto3.Session.client", "boto3.client()"),
        ("boto3.session.Session.resource", "boto3.resource()"),
        ("requests.session", "requests.Session"),
        ("psycopg.connect", "psycopg.Connection"),
        ("redis.asyncio.from_url", "redis.asyncio.Redis"),
        ("redis.Redis.from_url", "redis.Redis"),
        ("docker.from_env", "docker.DockerClient"),
        ("boto3.client", None),
        ("app.make_client", None),
    ],
)
def test_returns(path: str, returned: str | None) -> None:
    assert load({}).returns(path) == returned


def test_roots_are_import_names() -> None:
    knowledge = load({})
    for root in ("openai", "httpx", "google", "asyncio", "psycopg2", "types_aiobotocore_s3"):
        assert knowledge.knows_root(root), root
    assert not knowledge.knows_root("numpy")


def test_own_tables_take_the_place_of_shipped_ones() -> None:
    own = load({"httpx": Library(kind="llm", typical="2 s"), "acme": Library(kind="rpc", typical="1 s")})
    waits = [own.wait_of_await(f"{root}.AsyncClient.get") for root in ("httpx", "acme", "aiohttp")]
    assert [wait.kind if wait else None for wait in waits] == ["llm", "rpc", "http"]
    shipped = load({})
    assert shipped.wait_of_await("acme.Client.get") is None
    known = shipped.wait_of_await("httpx.AsyncClient.get")
    assert known is not None
    assert known.kind == "http"


@pytest.mark.parametrize(
    ("typical", "seconds"),
    [
        ("2–60 s", 60),
        ("50 ms–30 s", 30),
        ("1–100 ms", 0.1),
        ("0.5–5 ms", 0.005),
        ("20 ms–minutes", math.inf),
        ("as long as the peer likes", math.inf),
        ("no wait", 0),
        ("50 ms–5 s when the keys are not cached", 5),
    ],
)
def test_longest(typical: str, seconds: float) -> None:
    assert longest(typical) == seconds


def test_every_typical_duration_is_understood() -> None:
    open_ended = re.compile(r"as long as|until|the back-off|minutes")
    for root, library in LIBRARIES.items():
        is_open = open_ended.search(library.typical) is not None
        assert is_open == math.isinf(longest(library.typical)), (root, library.typical)


def test_every_library_has_known_shape() -> None:
    assert len(LIBRARIES) >= 80
    for root, library in LIBRARIES.items():
        assert library.typical, root
        for pattern in patterns(library):
            assert pattern.replace("()", "").startswith(f"{root}.") or pattern == root, pattern
            assert not re.search(r"\{[^}]*\.", pattern), f"a dot inside braces never matches: {pattern}"
            assert pattern.count("{") == pattern.count("}"), pattern


def test_drivers_are_marked() -> None:
    assert LIBRARIES["psycopg2"].driver
    assert not LIBRARIES["httpx"].driver


def test_longest_root_wins_over_alias_and_order() -> None:
    knowledge = Knowledge(
        tables.parse(
            "waits/test.toml",
            "[pkg]\nclass='http'\ntypical='x'\naliases=['pkg_*']\n"
            "['pkg.deep']\nclass='llm'\ntypical='x'\n[pkg_own]\nclass='mail'\ntypical='x'\n",
        )
    )
    kinds = {
        path: wait.kind
        for path in ("pkg.f", "pkg.deep.f", "pkg_any.f", "pkg_own.f")
        if (wait := knowledge.wait_of_await(path))
    }
    assert kinds == {"pkg.f": "http", "pkg.deep.f": "llm", "pkg_any.f": "http", "pkg_own.f": "mail"}


def test_empty_only_means_no_await_waits() -> None:
    assert make(only=[]).wait_of_await("lib.f") is None
    assert make().wait_of_await("lib.f") == Wait(library="lib", kind="http", typical="1 s", driver=False)


def test_cheap_by_last_segment_and_by_path() -> None:
    knowledge = make(cheap=["build_*", "lib.local.**"], blocking=["lib.**"])
    assert knowledge.wait_of_await("lib.build_url") is None
    assert knowledge.wait_of_await("lib.local.x.f") is None
    assert knowledge.wait_of_blocking_call("lib.local.x.f") is None
    assert knowledge.wait_of_blocking_call("lib.x.f") is not None


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.**.c", "a.c", True),
        ("a.**.c", "a.b().d.c", True),
        ("a.**.c", "a.b.xc", False),
        ("a.get_*", "a.get_x", True),
        ("a.get_*", "a.get_x.y", False),
        ("a.{get,put}.b", "a.put.b", True),
        ("a.{get,put}.b", "a.getput.b", False),
        ("a.*", "a.Client", False),
        ("a.**", "a.Client", False),
        ("a.Client", "a.Client", True),
        ("a.b().c", "a.b.c", False),
        ("a.b", "a_b", False),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert PatternSet([pattern]).matches(path) is expected


GOOD = "[lib]\nclass = 'http'\ntypical = '1 s'\n"


@pytest.mark.parametrize(
    ("waits", "drivers", "message"),
    [
        (GOOD + "cheep = ['x']\n", "", r"waits/a\.toml: \[lib\].*cheep"),
        (GOOD.replace("http", "htp"), "", r"waits/a\.toml: \[lib\].*htp"),
        ("[lib]\nclass = 'http'\n", "", r"waits/a\.toml: \[lib\].*typical"),
        (GOOD + "only = 'x'\n", "", r"waits/a\.toml: \[lib\].*only"),
        (GOOD + "driver = true\n", "", r"waits/a\.toml: \[lib\].*driver"),
        ("lib = 3\n", "", r"waits/a\.toml: \[lib\]"),
        ("[lib\n", "", r"waits/a\.toml: "),
        (GOOD, GOOD, r"drivers\.toml: \[lib\].*waits/a\.toml"),
        (GOOD + "aliases = ['lib']\n", "", r"waits/a\.toml: \[lib\].*`lib`"),
    ],
)
def test_bad_tables_name_file_and_key(tmp_path: Path, waits: str, drivers: str, message: str) -> None:
    (tmp_path / "waits").mkdir()
    (tmp_path / "waits" / "a.toml").write_text(waits, encoding="utf-8")
    (tmp_path / "drivers.toml").write_text(drivers, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=message):
        tables.read(tmp_path)


def test_unused_files_beside_the_tables_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "waits").mkdir()
    (tmp_path / "waits" / "README.md").write_text("notes", encoding="utf-8")
    (tmp_path / "waits" / "a.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "drivers.toml").write_text("", encoding="utf-8")
    assert list(tables.read(tmp_path)) == ["lib"]


# Names of other versions than the installed one.
OTHER_VERSIONS = frozenset(
    {
        "haystack.AsyncPipeline",
        "haystack.components.websearch",
        "pydantic_ai.mcp",  # moved in 2.0, and says so with an ImportError
        "authlib.integrations.flask_client",  # needs Flask
        "firebase_admin.messaging.send_all",
        "firebase_admin.messaging.send_multicast",
        "algoliasearch.search_client",
        "curl_cffi.query",
    }
)


def patterns(library: Library) -> Iterator[str]:
    yield from library.only or ()
    yield from library.blocking
    yield from library.iterating
    yield from library.enter
    yield from library.returns
    yield from (cheap for cheap in library.cheap if "." in cheap)


def expanded(pattern: str) -> list[str]:
    match = re.search(r"\{([^}]*)\}", pattern)
    if not match:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [found for choice in match[1].split(",") for found in expanded(head + choice + tail)]


def module(name: str) -> ModuleType | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def beginnings(root: str, library: Library) -> set[str]:
    """The literal beginnings of the patterns, down to the first class or callable: what must exist."""
    found = set()
    for pattern in (p for raw in patterns(library) for p in expanded(raw)):
        literal: list[str] = []
        for segment in pattern.split("."):
            if "*" in segment or segment.startswith("__"):
                break
            literal.append(segment.removesuffix("()"))
            if segment.endswith("()") or (segment[0].isupper() and len(literal) > 1):
                break
        if len(literal) > len(root.split(".")):
            found.add(".".join(literal))
    return found


@pytest.mark.parametrize("root", sorted(LIBRARIES))
def test_names_exist_where_the_library_is_installed(root: str) -> None:
    library = LIBRARIES[root]
    if any("*" in alias for alias in library.aliases):
        pytest.skip("the patterns are shared with other packages")
    container, _, last = root.rpartition(".")
    if module(root) is None and not (container and hasattr(module(container), last)):
        pytest.skip("not installed")
    names = (n for n in sorted(beginnings(root, library)) if not n.startswith(tuple(OTHER_VERSIONS)))
    missing = [name for name in names if not exists(name)]
    assert not missing


def exists(name: str) -> bool:
    """Whether a dotted name is a module or leads, attribute by attribute, from one to something.

    Below a class only methods can be seen, so the class itself is enough.
    """
    first, *rest = name.split(".")
    place: object = module(first)
    path = first
    for segment in rest:
        path += f".{segment}"
        if place is None or isinstance(place, type):
            break
        place = getattr(place, segment, None) or module(path)
    return place is not None
