#include "endpoint_connection.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// The address without what every path begins with.
std::string base_of(std::string url) {
  const auto drop = [&](const std::string& end) {
    if (url.size() > end.size() && url.compare(url.size() - end.size(), end.size(), end) == 0)
      url.resize(url.size() - end.size());
  };
  drop("/");
  drop("/v1");
  drop("/");
  return url;
}

/// @param is_wanted the user named the variable.
std::string key_in(const std::string& variable, bool is_wanted) {
  const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  UNPACT_VALIDATE(!is_wanted || (value != nullptr && *value != '\0'),
                  concat("the environment variable ", variable, " holds no key for the endpoint"), "it is not set, or empty",
                  "export it in the shell or job script that starts the program");
  const std::string key = value == nullptr ? "" : trim(value);
  const bool is_plain = std::all_of(key.begin(), key.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  UNPACT_VALIDATE(is_plain, concat("the environment variable ", variable, " holds no key for the endpoint"),
                  "a key has no white space, control characters or letters outside of ASCII", "copy the key once more");
  return key;
}

}  // namespace

HttpSettings http_settings(const EndpointAddress& address, const EndpointOptions& options, std::size_t together) {
  const bool is_named = address.key_variable != EndpointAddress().key_variable &&
                        address.key_variable != EndpointOptions().unlearned.key_variable && !address.key_variable.empty();
  HttpSettings settings;
  settings.base = base_of(address.url);
  settings.key = key_in(address.key_variable, is_named);
  settings.certificates = options.certificates;
  settings.timeout = options.timeout;
  settings.retries = static_cast<std::size_t>(options.retries);
  settings.together = together;
  return settings;
}

}  // namespace unpact
