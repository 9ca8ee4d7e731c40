"""What hostile requests are made of."""

from __future__ import annotations

import random
from collections.abc import Callable

# fmt: off
METHODS = (
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "G\0T", "X" * 300, "",
)
PATHS = (
    "/", "/healthz", "/metrics", "/docs", "/openapi.json", "/saes", "/jobs", "/search", "/lab", "/about", "*", "//x/y",
    "/static/js/docs.js", "/api/v1/saes", "/api/v1/jobs", "/api/v1/comparisons", "/api/v1/inputs", "/api/v1/nope",
    "/c/{slug}", "/c/{slug}/latents", "/c/{slug}/points.json", "/c/{slug}/narrow/0", "/c/{slug}/prompt",
    "/api/v1/comparisons/{slug}/latents", "/api/v1/comparisons/{slug}/latents.csv",
    "/api/v1/comparisons/{slug}/vectors", "/api/v1/comparisons/{slug}/search",
    "/api/v1/comparisons/{slug}/pairs/0/0", "/api/v1/comparisons/{slug}/prompt", "/api/v1/diff/{slug}/{slug}",
    "/api/v1/jobs/1/events", "/api/v1/jobs/1/cancel", "http://evil.example/api/v1/saes",
)
PIECES = (
    "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/..%5c..%5cwin.ini",
    "/....//", "%00", "%00.json", "%zz", "%", "%c0%ae%c0%ae/", "%ff%fe", "%ed%a0%80", "\0", "\x7f", "\xff\xfe",
    ";a=b", "#x", "\\", "/' OR 1=1--", "/<script>alert(1)</script>", "/{{7*7}}", "/${jndi:ldap://x}",
    "/%0d%0aSet-Cookie:%20a=b", "/" * 99, "/-1", "/99999999999999999999", "/1e999", "/NaN", "/0x10", "/%E2%80%AE",
    "/.git/config", "/.env", "/a" * 400,
)
NAMES = (
    "sort", "q", "limit", "cursor", "fields", "include", "facets", "sae", "count", "index", "n", "before", "embed",
    "x",
)
VALUES = (
    "", "-1", "0", "1e400", "NaN", "99999999999999999999", "%00", "%ff", "' OR 1=1--", "%27%3B--", "../../etc/passwd",
    "W10", "e30=", "hedging_score", "-hedging_score,,", "density__gt", "%F0%9F%98%80", "[]", "{}", "%" * 9,
    "a" * 5000, "(" * 300, "*", '"', '%22%22 OR "a', "NEAR(a b)", "a|b|" * 30, "=1%2B1", "true", "null", "1,2,3",
    "\t", "%0a",
)
HEADERS = (
    "Accept: */*", "Accept: text/html", "Accept: text/csv", "Accept: \xff", "Accept-Encoding: br;q=nope, *;q=9",
    "Range: bytes=9-1", "If-None-Match: *", 'If-None-Match: W/"', "Origin: null", "Origin: http://evil.example",
    "Sec-Fetch-Site: cross-site", "X-Forwarded-For: 1.2.3.4, \xff", "X-Forwarded-Prefix: //evil.example",
    "X-Request-ID: a\tb", "X-API-Key: hs_x", "Cookie: a", "Authorization: Bearer", "Authorization: Basic !!!",
    "Authorization: Basic /////w==", "Last-Event-ID: \xe9", "Expect: 100-continue", "Transfer-Encoding: chunked",
    "Transfer-Encoding: x", "Content-Length: -1", "Content-Length: 5", "Content-Length: 0x10",
    "Content-Type: application/json", "Content-Type: text/xml", "Upgrade: websocket", "Bad Name: x", ": x", "x\0y: z",
    " folded",
)
# fmt: on

BODIES: tuple[Callable[[random.Random], bytes], ...] = (
    lambda _rng: b"",
    lambda _rng: b'{"text": "\xff\xfe"}',
    lambda _rng: b"[" * 100_000,
    lambda _rng: b'{"kind": "sae", "source": "../../etc/passwd"}',
    lambda _rng: b'{"kind": "comparison", "narrow": "/etc", "reference": "\\u0000", "tokens": 1e99}',
    lambda _rng: b"5\r\nhello\r\nzz\r\n",
    lambda _rng: b"name=%ff&" * 200,
    lambda _rng: b" " * 2_000_000,
    lambda rng: rng.randbytes(300),
)
