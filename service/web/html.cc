#include "service/web/html.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/crypto.h"
#include "service/net/http/http_server.h"

namespace valetkey::web {
namespace {

// Contrast is at least 4.5 to 1 in both schemes (WCAG 2.1 AA).
constexpr char kStyle[] = R"css(
:root {
  color-scheme: light dark;
  --ground: #f3f4f6; --card: #ffffff; --line: #e0e3e8;
  --text: #1b1f24; --quiet: #59616b; --link: #0b5cad; --control: #7b8490;
  --good: #17803d; --good-ground: #e3f4e8;
  --bad: #b3261e; --bad-ground: #fbe9e7;
  --neutral: #4a5560; --neutral-ground: #e9ecf0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12151a; --card: #1c2027; --line: #313843;
    --text: #e8eaed; --quiet: #a3acb8; --link: #7fb7f5; --control: #76808d;
    --good: #6fd08c; --good-ground: #183424;
    --bad: #ff9b92; --bad-ground: #40201d;
    --neutral: #b6c0cc; --neutral-ground: #2a313b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 1.25rem;
  display: flex; flex-direction: column; align-items: center;
  justify-content: center; gap: 1.25rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere;
}
main {
  width: 100%; max-width: 32rem; padding: 2.25rem;
  background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; box-shadow: 0 1px 3px rgb(0 0 0 / 8%);
}
.mark {
  display: block; width: 3.25rem; height: 3.25rem; margin-bottom: 1.25rem;
  padding: .8rem; border-radius: 50%; fill: none; stroke: currentColor;
  stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round;
}
.good { color: var(--good); background: var(--good-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.neutral { color: var(--neutral); background: var(--neutral-ground); }
h1 { margin: 0 0 .75rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
p { margin: 0 0 .75rem; }
ol, ul { margin: 0; padding-left: 1.4rem; }
li { margin-bottom: .4rem; }
main > :last-child, li:last-child { margin-bottom: 0; }
ul.plain { padding: 0; list-style: none; }
a { color: var(--link); }
.reference {
  margin: 1.75rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--quiet); font-size: .875rem;
}
.items { margin: 0 0 1rem; padding-left: 1.25rem; }
.items li { margin: .25rem 0; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.75rem 0 0; }
.action {
  flex: 1 1 auto; min-width: 8rem; min-height: 2.75rem; padding: .6rem 1.25rem;
  border: 1px solid var(--control); border-radius: .5rem;
  color: var(--text); font-weight: 600; text-align: center;
  text-decoration: none;
}
.action:hover { background: var(--neutral-ground); }
.action.main {
  background: var(--link); border-color: var(--link); color: var(--card);
}
.action.main:hover { text-decoration: underline; }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; }
footer { color: var(--quiet); font-size: .875rem; }
@media (max-width: 30rem) {
  body { justify-content: flex-start; padding: .75rem; }
  main { padding: 1.5rem; }
  h1 { font-size: 1.4rem; }
}
)css";

// Decoration: the heading says the same.
absl::string_view Mark(Mood mood) {
  switch (mood) {
    case Mood::kNone:
      return "";
    case Mood::kGood:
      return "<svg class=\"mark good\" viewBox=\"0 0 24 24\" "
             "aria-hidden=\"true\"><path d=\"M4 12.5 10 18.5 20 6.5\"/></svg>";
    case Mood::kNeutral:
      return "<svg class=\"mark neutral\" viewBox=\"0 0 24 24\" "
             "aria-hidden=\"true\"><path d=\"M5 12h14\"/></svg>";
    case Mood::kBad:
      return "<svg class=\"mark bad\" viewBox=\"0 0 24 24\" "
             "aria-hidden=\"true\"><path d=\"M12 4v10M12 19.5v.1\"/></svg>";
  }
  return "";
}

const std::string& ContentSecurityPolicy() {
  static const auto* const policy = new std::string(absl::StrCat(
      "default-src 'none'; style-src 'sha256-",
      absl::Base64Escape(Sha256(kStyle)),
      "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
  return *policy;
}

std::string Items(absl::string_view begin,
                  const std::vector<std::string>& items,
                  absl::string_view end) {
  std::string text(begin);
  for (const std::string& item : items) {
    absl::StrAppend(&text, "<li>", item, "</li>\n");
  }
  absl::StrAppend(&text, end);
  return text;
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      case '\0':
        result += "\xEF\xBF\xBD";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string NameHtml(absl::string_view name) {
  return absl::StrCat("<bdi>", EscapeHtml(name), "</bdi>");
}

std::string Action(absl::string_view href, absl::string_view label, bool main) {
  return absl::StrCat("<a class=\"action", main ? " main" : "", "\" href=\"",
                      EscapeHtml(href), "\">", label, "</a>");
}

HttpResponse RenderPage(const Page& page) {
  HttpResponse response;
  response.status = page.status;
  response.headers.Add("Content-Type", "text/html; charset=utf-8");
  response.headers.Add("Content-Security-Policy", ContentSecurityPolicy());
  AddSecurityHeaders(response.headers);
  std::string& html = response.body;
  html = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light "
      "dark\">\n<meta name=\"robots\" content=\"noindex\">\n<title>",
      EscapeHtml(page.title), "</title>\n<style>", kStyle,
      "</style>\n</head>\n<body>\n<main>\n", Mark(page.mood), "\n<h1>",
      page.heading, "</h1>\n");
  for (const std::string& paragraph : page.paragraphs) {
    absl::StrAppend(&html, "<p>", paragraph, "</p>\n");
  }
  if (!page.items.empty()) {
    absl::StrAppend(&html,
                    Items("<ul class=\"items\">\n", page.items, "</ul>\n"));
  }
  for (const std::string& note : page.notes) {
    absl::StrAppend(&html, "<p>", note, "</p>\n");
  }
  if (!page.actions.empty()) {
    absl::StrAppend(&html, "<div class=\"actions\">\n",
                    absl::StrJoin(page.actions, "\n"), "\n</div>\n");
  }
  if (page.steps.size() == 1) {
    absl::StrAppend(&html, "<h2>What to do now</h2>\n<p>", page.steps[0],
                    "</p>\n");
  } else if (!page.steps.empty()) {
    absl::StrAppend(
        &html, Items("<h2>What to do now</h2>\n<ol>\n", page.steps, "</ol>\n"));
  }
  if (!page.links.empty()) {
    absl::StrAppend(&html,
                    Items("<ul class=\"plain\">\n", page.links, "</ul>\n"));
  }
  if (!page.reference.empty()) {
    absl::StrAppend(&html, "<p class=\"reference\">",
                    EscapeHtml(page.reference_label), ": <code>",
                    EscapeHtml(page.reference), "</code></p>\n");
  }
  absl::StrAppend(&html,
                  "</main>\n<footer>ValetKey</footer>\n</body>\n"
                  "</html>\n");
  return response;
}

}  // namespace valetkey::web
