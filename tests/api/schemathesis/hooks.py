"""What no OpenAPI document can say of this API: how lines of JSON are written, and which options make no sense together."""

import json
import re

import schemathesis
from schemathesis import GenerationMode


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    if isinstance(value, list):
        value = "".join(json.dumps(each) + "\n" for each in value)
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.check
def accepted(_context, response, case):
    """A request that fits the document succeeds, but for what the state of the store or another option forbids."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    refused = response.status_code in (400, 413, 416)
    asked = {**(case.path_parameters or {}), **(case.query or {}), **{name.lower(): text for name, text in (case.headers or {}).items()}}
    where = case.operation.path
    body = case.body if where in ("/stream", "/-/tokens") else []
    parts = body if isinstance(body, list) else [body]
    if where == "/-/search" and refused:
        return  # A query has a grammar.
    if refused:
        assert is_senseless(case.method, where, asked) or may_be_refused(asked) or any(map(may_be_refused, parts)), f"refused: {response.content!r}"
    else:
        assert response.status_code == 404 or not is_senseless(case.method, where, asked), "options that make no sense together"


# The names of what holds patterns.
TOPICS = ("topic", "pattern", "read", "append")


def is_senseless(method, where, asked):
    """Whether the options do not go together, as docs/protocol.md says."""

    def given(*names):
        return all(name in asked for name in names)

    def is_on(name):
        return asked.get(name) in ("", "true", "yes")

    if where == "/-/search" and "q" not in asked:
        return True
    if where == "/gc":
        return is_on("erase")  # For a store on several machines.
    if where.startswith("/-/keep/") and method != "DELETE":
        return ("age" in asked) == ("count" in asked)
    if where.startswith(("/first", "/last")):
        return given("last", "limit")
    order = asked.get("order", "asc")
    return any(
        [
            given("last-id", "after"),
            given("tail", "new"),
            given("from") and (given("last-id") or given("after")),
            # The requests here neither follow nor wait.
            is_on("tail") or is_on("new"),
            order == "desc" and (given("last") or given("from")),
            order == "arrival" and given("last"),
            given("chunked") and (given("xs-expect-last") or given("idempotency-key") or given("at")),
            given("at", "xs-expect-last"),
            given("at") and asked.get("ttl") == "ephemeral",
        ]
    )


def may_be_refused(asked):
    """Whether what the options mean decides: an order of times, a ttl that is over, a range behind the end."""

    def parts_of(name):
        return re.split(r"[,']+", str(asked.get(name, "")))

    ttl = asked.get("ttl") or "forever"
    at = asked.get("at") or ""
    return any(
        [
            "since" in asked and "until" in asked,
            ttl.startswith("until:"),
            # Nobody reads what is over already, or is not among the newest.
            at != "" and ttl != "forever",
            # In a zone to the east that is a day of 1969.
            at.startswith("1970-01-01"),
            # The whole line of a read: its hash has to be that of its content.
            "id" in asked and any(key.startswith("content") for key in asked),
            # An empty prefix of keys, and topics of the runtime, are for a token with all.
            asked.get("keys") == "",
            # A key has at most 512 bytes, and is no folder of a URL.
            any(len(str(asked.get(name, "")).encode()) > 512 for name in ("key", "keys", "prefix")),
            asked.get("key") in (".", ".."),
            # The meta of a chunk is an object.
            "chunked" in asked and "xs-meta" in asked,
            "range" in asked,
            # A query without a word, or with an odd quotation mark.
            "q" in asked,
            # A list has at most 100 patterns, and a topic at most 255 bytes.
            any(len(parts) > 100 or max(map(len, parts)) > 255 for parts in map(parts_of, TOPICS)),
        ]
    )
