# SPDX-License-Identifier: Apache-2.0
"""What a browser does with Tenon's pages, as far as a test needs it: cookies, redirects on the same site, forms.

    browser = Browser(server.port)
    page = browser.open("/oauth/authorize?…")
    page = browser.send(page, {"login": "ada@example.org", "password": "…"})
    back = browser.send(page, press="Allow")     # a Page whose `location` is where the browser would go next
"""

import html.parser
import urllib.parse

from server import Client

VOID = {"input", "meta", "link", "br", "img", "hr"}


class Page:
    """One answer, and what of its HTML can be seen and used."""

    def __init__(self, url, answer):
        self.url, self.status, self.headers, self.html = url, answer.status, answer.headers, answer.text
        self.location = answer.headers.get("Location")
        self.parser = _Parser()
        if (answer.headers.get("Content-Type") or "").startswith("text/html"):
            self.parser.feed(self.html)
            self.parser.close()

    @property
    def elements(self):
        """(tag, attributes, text) of each, in their order."""
        return self.parser.elements

    def all(self, tag):
        return [element for element in self.elements if element[0] == tag]

    @property
    def heading(self):
        return self.all("h1")[0][2] if self.all("h1") else None

    @property
    def problem(self):
        return next((text for tag, attributes, text in self.elements if attributes.get("role") == "alert"), None)

    @property
    def text(self):
        return " ".join("".join(self.parser.text).split())

    @property
    def fields(self):
        return {attributes["name"]: attributes.get("value", "") for tag, attributes, _ in self.all("input")}

    def back(self):
        """Where a redirect leads, and its parameters."""
        parts = urllib.parse.urlsplit(self.location)
        return urllib.parse.urlunsplit(parts._replace(query="")), dict(urllib.parse.parse_qsl(parts.query, strict_parsing=True))

    def __repr__(self):
        return f"<{self.status} {self.location or self.html[:400]!r}>"


class _Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> stands twice"
        self.elements.append((tag, dict(attrs), ""))
        if tag not in VOID:
            self.open.append((tag, len(self.elements) - 1))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> ends nothing"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1][0] != "style":
            self.text.append(data)
        for _, index in self.open:
            tag, attributes, text = self.elements[index]
            self.elements[index] = (tag, attributes, text + data)

    def close(self):
        super().close()
        assert not self.open, f"{self.open} are not closed"


class Browser:
    def __init__(self, port):
        self.client, self.cookies = Client(port), {}
        self.origin = f"http://127.0.0.1:{port}"

    def open(self, url, query=None):
        return self._go("GET", url + ("?" + urllib.parse.urlencode(query) if query else ""))

    def send(self, page, fields=None, press=None, **headers):
        """Sends the one form of a page, filled in, by its button of that text."""
        form = page.all("form")[0][1]
        assert form["method"] == "post"
        body = {**page.fields, **(fields or {})}
        for _, attributes, text in page.all("button"):
            if text == press:
                body[attributes["name"]] = attributes["value"]
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return self._go("POST", form["action"], urllib.parse.urlencode(body), {**sent, **{name.replace("_", "-"): value for name, value in headers.items()}})

    def sign_in(self, page, login, password):
        return self.send(page, {"login": login, "password": password})

    def _go(self, method, url, body=None, headers=None):
        for _ in range(5):
            sent = dict(headers or {})
            if self.cookies:
                sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            answer = self.client.request(method, url, body=body, headers=sent)
            for line in answer.headers.get_all("Set-Cookie") or []:
                name, value = line.split(";")[0].split("=", 1)
                self.cookies[name] = value
                if not value:
                    del self.cookies[name]
            page = Page(url, answer)
            if not page.location or not page.location.startswith("/"):
                return page
            assert answer.status == 303, answer
            method, url, body, headers = "GET", page.location, None, None
        raise AssertionError("sent around in a circle")
