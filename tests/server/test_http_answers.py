"""Plain HTTP of a real server."""

import httpx
import pytest


@pytest.fixture
def web(server):
    with httpx.Client(base_url=server.http, trust_env=False) as client:
        yield client


def test_health_is_for_everybody_and_its_details_for_the_owner(web, server):
    assert set(web.get("/health").json()) == {"status", "version"}
    told = web.get("/health", headers={"authorization": f"Bearer {server.token}"}).json()
    assert told["pid"] == server.process.pid
    assert told["workers"][0]["state"] in {"stopped", "starting", "ready"}
    assert "pid" not in web.get("/health", headers={"authorization": "Bearer wrong"}).json()


def test_every_answer_carries_the_headers_that_keep_pages_apart(web):
    for path in ("/", "/health", "/nothing"):
        headers = web.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers


def test_the_page_is_there_built_or_not(web):
    answer = web.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "Mintaka" in answer.text


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/pyproject.toml", "/assets/x.png", "//etc/passwd", "/a"]
)
def test_what_is_not_there_is_404(web, path):
    assert web.get(path).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1"])
def test_a_name_that_is_not_ours_is_misdirected(web, host):
    assert web.get("/health", headers={"host": host}).status_code == 421


def test_a_page_elsewhere_is_refused(web):
    assert web.get("/health", headers={"origin": "https://evil.example"}).status_code == 403


def test_a_page_of_ours_may_ask_with_a_token_and_one_elsewhere_is_told_nothing(web, server):
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    allowed = web.options("/api/v1/jobs", headers={"origin": server.http, **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, server.http)
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    refused = web.options("/api/v1/jobs", headers={"origin": "https://evil.example", **asked})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_nothing_can_be_posted(web):
    assert web.post("/health").status_code == 405
