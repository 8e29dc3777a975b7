"""Stands for code-server: a page of relative addresses, a service worker, a websocket below its path, uploads; tells what reached it."""

import argparse
import hashlib
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

PAGE = """<!doctype html><title>loading</title><link rel="icon" href="data:,"><link rel="stylesheet" href="static/style.css?v=1.0%2B1">
<p id="out"></p><script src="static/app.js?v=1.0%2B1"></script>"""
STYLE = "p { color: rgb(1, 2, 3) }"
SCRIPT = """
const socket = new WebSocket(new URL("socket?reconnectionToken=a%2Fb", location.href.replace(/^http/, "ws")), "editor.v1");
socket.binaryType = "arraybuffer";
socket.onopen = () => { document.title = "open " + socket.protocol; };
"""
WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", event => {
    if (new URL(event.request.url).pathname.endsWith("/of-the-worker")) event.respondWith(new Response("answered by the worker"));
});
"""
routes = web.RouteTableDef()


def text(kind, body):
    """A handler with one answer."""
    async def answer(request):
        return web.Response(text=body, content_type=kind)
    return answer


@routes.get("/socket")
async def socket(request):
    """Sends back what it gets, as it came. A page of another host is refused, as code-server does."""
    if urlsplit(request.headers.get("Origin", "")).netloc != request.headers["Host"]:
        raise web.HTTPForbidden
    socket = web.WebSocketResponse(protocols=["editor.v1"], max_msg_size=0)
    await socket.prepare(request)
    await socket.send_str(request.raw_path)
    async for message in socket:
        await (socket.send_bytes(message.data) if message.type == WSMsgType.BINARY else socket.send_str(message.data))
    return socket


@routes.post("/upload")
async def upload(request):
    """Reads a body piece by piece."""
    seen, size = hashlib.sha256(), 0
    async for piece in request.content.iter_chunked(1 << 16):
        seen.update(piece)
        size += len(piece)
    return web.json_response({"size": size, "sha256": seen.hexdigest()})


@routes.get("/download")
async def download(request):
    """A big file."""
    return web.Response(body=bytes(int(request.query["size"])))


@routes.get("/cookies")
async def cookies(request):
    """A session of the application's own, as login pages set it."""
    response = web.Response(text="set")
    response.set_cookie("editor-session", "everywhere")
    response.set_cookie("editor-state", "here", path=request.headers.get("X-Forwarded-Prefix", "") + "/")
    return response


@routes.get("/denied")
async def denied(request):
    """A refusal of the application's own."""
    return web.Response(status=401, text="the editor wants a password", headers={"WWW-Authenticate": "Basic"})


@routes.route("*", "/tell/{rest:.*}")
async def tell(request):
    """What reached it."""
    return web.json_response({"method": request.method, "path": request.raw_path, "headers": [[name, value] for name, value in request.headers.items()],
                              "body": await request.text()})


def main():
    """Listens on a port or on a unix socket, below a base or at the root."""
    words = argparse.ArgumentParser()
    words.add_argument("--port", type=int)
    words.add_argument("--socket")
    words.add_argument("--base", default="")
    given = words.parse_args()
    app = web.Application(client_max_size=1 << 30)
    app.add_routes([web.get("/", text("text/html", PAGE)), web.get("/static/style.css", text("text/css", STYLE)), *routes,
                    web.get("/static/app.js", text("text/javascript", SCRIPT)), web.get("/worker.js", text("text/javascript", WORKER))])
    if given.base:
        outer = web.Application(client_max_size=1 << 30)
        outer.add_subapp(given.base, app)
        app = outer
    web.run_app(app, host="127.0.0.1" if given.port else None, port=given.port, path=given.socket, print=None)


main()
