"""A small web page where a person connects their account.

    python connect.py pinterest 8080
    python connect.py pinterest 8080 --return-uri

It sends the person to the provider, and they come back in one of two ways:

- to /callback of this page, if that is the redirect URI of the provider in
  ValetKey: then this page calls Exchange;
- with --return-uri to ValetKey's own callback, which sends them on to /back.
  That must be one of the application's return URIs.

Where ValetKey is, and the API key, come from the environment: VALETKEY_ADDRESS,
VALETKEY_API_KEY, VALETKEY_APPLICATION.
"""

from __future__ import annotations

import html
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import valetkey


class Page(BaseHTTPRequestHandler):
    client: valetkey.Client
    provider: str
    return_uri: str

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        try:
            if parts.path == "/":
                self.show('<a href="/connect">Connect your account</a>')
            elif parts.path == "/connect":
                self.connect()
            elif parts.path == "/callback":
                self.callback(query)
            elif parts.path == "/back":
                self.back(query)
            else:
                self.show("There is no such page.", 404)
        except valetkey.ConsentDenied:
            self.show("You did not connect your account.")
        except valetkey.Error as error:
            self.show(html.escape(f"That did not work: {error}"), 502)

    def connect(self) -> None:
        # The subject is your own id of the person who is logged in.
        begun = self.client.authorize(
            self.provider, subject="ann", return_uri=self.return_uri
        )
        self.send_response(303)
        self.send_header("location", begun.authorization_uri)
        self.send_header(
            "set-cookie", f"state={begun.state}; HttpOnly; SameSite=Lax"
        )
        self.end_headers()

    def callback(self, query: dict[str, str]) -> None:
        # Only the browser that began may finish.
        cookie = SimpleCookie(self.headers["cookie"]).get("state")
        if cookie is None or cookie.value != query.get("state"):
            self.show("You did not begin here.", 400)
            return
        done = self.client.exchange(
            query["state"],
            query.get("code", ""),
            issuer=query.get("iss", ""),
            error=query.get("error", ""),
            error_description=query.get("error_description", ""),
        )
        self.show(f"Connected: {html.escape(done.connection)}")

    def back(self, query: dict[str, str]) -> None:
        # The query tells the page what to say, and proves nothing: ask.
        if query.get("status") != "connected":
            self.show("You did not connect your account.")
            return
        connection = self.client.get_connection(query["connection"])
        self.show(f"Connected: {html.escape(connection.name)}")

    def show(self, content: str, status: int = 200) -> None:
        body = f"<!doctype html><p>{content}</p>".encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not the request line: its query has the code."""


def main(provider: str, port: str, *options: str) -> None:
    with valetkey.Client() as client:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), Page)
        address = f"http://127.0.0.1:{server.server_address[1]}"
        Page.client = client
        Page.provider = provider
        Page.return_uri = f"{address}/back" if "--return-uri" in options else ""
        print(f"open {address}/", flush=True)
        with server:
            server.serve_forever()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
