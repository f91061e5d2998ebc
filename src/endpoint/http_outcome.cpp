#include "http_outcome.hpp"

#include <algorithm>
#include <array>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr std::array kPassing = {408L, 425L, 429L, 500L, 502L, 503L, 504L};

/// A line of what the server says.
std::string said(const HttpSettings& settings, std::string body) {
  if (!settings.key.empty()) body = replace_all(body, settings.key, "(key)");
  for (auto& c : body)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  if (!is_valid_utf8(body)) return "it says something that is no text";
  body = trim(body);
  return body.empty() ? "it says nothing more" : concat("it says: ", shortened(body, 300));
}

std::string hint_for(const HttpOutcome& outcome) {
  if (outcome.status == 422)
    return "the server takes other fields, or prompts as text alone: one is needed that takes token ids (docs/endpoints.md)";
  const auto has = [&](const char* word) { return outcome.body.find(word) != std::string::npos; };
  if (outcome.status == 401 || outcome.status == 403)
    return "put the key into the environment variable that model.endpoint_key or endpoint.unlearned_key names";
  if (outcome.status == 404 || outcome.status == 405)
    return "check the address, its port, model.endpoint_kind and model.endpoint_name";
  if (has("context length") || has("max_model_len") || has("maximum length") || has("longer than"))
    return "set endpoint.context to the longest sequence that it takes";
  return "check model.endpoint_kind, and what the server's log says";
}

}  // namespace

bool HttpOutcome::is_passing() const {
  return status == 0 ? !cannot_pass : std::find(kPassing.begin(), kPassing.end(), status) != kPassing.end();
}

std::string HttpOutcome::reason() const { return status == 0 ? failure : concat("HTTP status ", status); }

void throw_outcome(const HttpSettings& settings, const std::string& path, const HttpOutcome& outcome, std::size_t attempts) {
  const auto place = settings.base + path;
  if (outcome.is_passing())
    throw RuntimeFailure(concat("the endpoint ", place, " does not answer"),
                         concat(outcome.reason(), ", at ", attempts, " attempt(s)",
                                outcome.status == 0 ? "" : concat("; ", said(settings, outcome.body))),
                         "see whether the server runs and has room, then start again: finished pages are kept");
  if (outcome.status == 0)
    throw UserError(concat("the endpoint ", place, " cannot be asked"), outcome.failure,
                    "check the address; endpoint.certificates names a file of certificates to trust");
  throw UserError(concat("the endpoint ", place, " refuses the request"),
                  concat("HTTP status ", outcome.status, "; ", said(settings, outcome.body)), hint_for(outcome));
}

}  // namespace unpact
