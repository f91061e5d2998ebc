#include <curl/curl.h>

#include <memory>

#include "unpact/core/error.hpp"
#include "unpact/endpoint/endpoint_options.hpp"

namespace unpact {
namespace {

struct DeleteUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

bool has_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  const bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
  curl_free(text);
  return has;
}

}  // namespace

void check_endpoint_url(const std::string& text, const std::string& option) {
  const std::unique_ptr<CURLU, DeleteUrl> url{curl_url()};
  const bool reads = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  const bool is_http = text.rfind("http://", 0) == 0 || text.rfind("https://", 0) == 0;
  // The text is not repeated: it may hold a password.
  const bool has_secret = reads && (has_part(url.get(), CURLUPART_USER) || has_part(url.get(), CURLUPART_PASSWORD) ||
                                    has_part(url.get(), CURLUPART_QUERY));
  UNPACT_VALIDATE(!has_secret, concat("option '", option, "' holds a user, a password or a query"),
                  "addresses are written into results and logs",
                  "put the key into the environment variable that model.endpoint_key names");
  UNPACT_VALIDATE(reads && is_http && !has_part(url.get(), CURLUPART_FRAGMENT),
                  concat("option '", option, "' is '", shortened(text), "'"), "it is no address of an HTTP server",
                  "give http://HOST:PORT or https://HOST:PORT");
}

}  // namespace unpact
