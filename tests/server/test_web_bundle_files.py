import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mintaka.server.site import Site


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>page</title>")
    (folder / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path / "secret").write_text("secret")
    return folder


async def ask(folder, path, **headers):
    site = Site(folder)

    async def answer(request):
        return site.respond(request, request.path_params["name"]) or PlainTextResponse("none", 404)

    app = Starlette(routes=[Route("/{name:path}", answer)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as web:
        return await web.get(path, headers=headers)


async def test_the_page_is_asked_for_again_each_time_and_its_files_never(bundle):
    page = await ask(bundle, "/")
    assert (page.text, page.headers["cache-control"]) == ("<title>page</title>", "no-cache")
    script = await ask(bundle, "/assets/app-1a2b.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]


async def test_what_is_known_already_is_not_sent_again(bundle):
    page = await ask(bundle, "/")
    again = await ask(bundle, "/", **{"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")


@pytest.mark.parametrize("path", ["/../secret", "/assets/../../secret", "/%2e%2e/secret", "/assets", "/nothing.js"])
async def test_only_files_of_the_bundle_are_served(bundle, path):
    assert (await ask(bundle, path)).status_code == 404


async def test_without_a_bundle_the_page_says_how_to_build_it(tmp_path):
    page = await ask(tmp_path / "none", "/")
    assert page.status_code == 200
    assert "make web" in page.text
