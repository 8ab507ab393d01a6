// HTML pages without anything from elsewhere: one style sheet, inline and
// allowed by its hash, no script. Pure functions.

#ifndef VALETKEY_WEB_HTML_H_
#define VALETKEY_WEB_HTML_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/base/http_message.h"

namespace valetkey::web {

// For text and for values of attributes in quotes.
std::string EscapeHtml(absl::string_view text);

// A name that somebody chose: escaped, and kept from turning the direction of
// the text around it.
std::string NameHtml(absl::string_view name);

// A link that looks like a button; main: the one that most will take. `label`
// is HTML. No script and no form is needed to follow it.
std::string Action(absl::string_view href, absl::string_view label, bool main);

enum class Mood { kNone, kGood, kNeutral, kBad };

struct Page {
  int status = 200;
  Mood mood = Mood::kNeutral;
  std::string title;                    // plain text, of the window
  std::string heading;                  // HTML, as are those below
  std::vector<std::string> paragraphs;  // what happened
  std::vector<std::string> items;       // a list that the last one begins
  std::vector<std::string> notes;       // paragraphs after it
  std::vector<std::string> actions;     // Action()s, the main one first
  std::vector<std::string> steps;       // what to do now, in order
  std::vector<std::string> links;       // whole list items
  std::string reference_label = "Reference";
  std::string reference;  // plain text, to tell to support
};

// The page as an answer, with its headers: Content-Security-Policy and those
// of AddSecurityHeaders.
HttpResponse RenderPage(const Page& page);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_HTML_H_
