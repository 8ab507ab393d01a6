"""What a person sees in the browser."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from pinterest_emulator.people import SAMPLES
from pinterest_emulator.scopes import SCOPES
from pinterest_emulator.state import App

# No form-action here: Chromium applies it to the redirect after the form too,
# and that has to leave for the client's redirect URI.
POLICY = (
    "content-security-policy",
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "frame-ancestors 'none'",
)

_STYLE = """
:root { color-scheme: light dark; --page: #f4f4f1; --card: #fff;
  --text: #191919; --soft: #5f5f5a; --line: #dcdcd6; --main: #b60c25;
  --main-text: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #161616;
  --card: #212121; --text: #f0f0ee; --soft: #b2b2ac; --line: #3d3d3a;
  --main: #e4465c; --main-text: #16080a; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--page);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 1.75rem;
  background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; line-height: 1.3;
  overflow-wrap: anywhere; }
p { margin: 0 0 1rem; } ul { margin: 0 0 1.25rem; padding: 0;
  list-style: none; border-top: 1px solid var(--line); }
li { padding: .6rem 0; border-bottom: 1px solid var(--line); }
code { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
li code { display: block; } .soft { color: var(--soft); font-size: .9rem; }
label { display: block; margin-bottom: .35rem; font-weight: 600; }
select, button { width: 100%; font: inherit; padding: .65rem .9rem;
  border-radius: .6rem; border: 1px solid var(--line);
  background: var(--card); color: var(--text); }
select { margin-bottom: 1.25rem; }
button { font-weight: 600; cursor: pointer; }
button:focus-visible, select:focus-visible { outline: 3px solid #4a90e2;
  outline-offset: 2px; }
.buttons { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; }
.main { background: var(--main); border-color: var(--main);
  color: var(--main-text); }
footer { max-width: 30rem; margin: 1rem auto 0; text-align: center; }
"""


def consent(
    app: App,
    redirect_uri: str,
    scopes: tuple[str, ...],
    login: str,
    passed_on: dict[str, str],
) -> str:
    """The page that asks for access on behalf of `app`.

    `passed_on` are the request's parameters, which the form sends back.
    """
    asked = "\n".join(
        f"<li>{escape(SCOPES[scope])} <code>{escape(scope)}</code></li>"
        for scope in scopes
    )
    hidden = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in passed_on.items()
    )
    people = dict(SAMPLES)
    people.setdefault(login, login)
    options = "\n".join(
        f'<option value="{escape(who)}"{" selected" * (who == login)}>'
        f"{escape(name)}</option>"
        for who, name in people.items()
    )
    destination = urlsplit(redirect_uri).netloc or redirect_uri
    return _page(
        f"Give access to {app.name}?",
        f"""<h1>Give {escape(app.name)} access to your account?</h1>
<p class="soft">App <code>{escape(app.client_id)}</code>. You will return to
<code>{escape(destination)}</code>.</p>
<p>The app will be able to:</p>
<ul>
{asked}
</ul>
<form method="post" action="/oauth/">
{hidden}
<label for="login">Continue as</label>
<select id="login" name="login">
{options}
</select>
<div class="buttons">
<button name="decision" value="cancel">Cancel</button>
<button class="main" name="decision" value="approve">Give access</button>
</div>
</form>""",
    )


def index(origins: dict[str, str]) -> str:
    """The front page, for a person who opens the address that was printed."""
    rows = "\n".join(
        f"<li>{escape(what)} <code>{escape(origin)}</code></li>"
        for what, origin in origins.items()
    )
    return _page(
        "Pinterest emulator",
        f"""<h1>Pinterest emulator</h1>
<p>It plays Pinterest's OAuth for tests. Start at a client, which sends you
here to give it access. Each of Pinterest's hosts has an address:</p>
<ul>
{rows}
</ul>""",
    )


def _page(title: str, content: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{content}
</main>
<footer class="soft">Pinterest emulator, for tests. This is not Pinterest, and
these people do not exist.</footer>
</body>
</html>
"""
