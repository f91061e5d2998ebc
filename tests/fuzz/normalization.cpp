#include "../../src/text/normalization.hpp"  // private to the layer

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "fuzz_target.hpp"

namespace {

using unpact::NormalForm;

std::string of_library(std::string_view text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(result, &std::free);
  UNPACT_FUZZ_REQUIRE(size >= 0);
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

void check_origins(const unpact::AlignedText& text, std::size_t original_bytes) {
  for (std::size_t at = 0; at < text.bytes().size(); ++at) {
    const auto span = text.original(at, at + 1);
    UNPACT_FUZZ_REQUIRE(span.begin <= span.end && span.end <= original_bytes);
  }
}

}  // namespace

/// Our normalization, which rewrites what changes and keeps the origins of every byte, against the library's own.
UNPACT_FUZZ_TARGET(normalization) {
  using namespace unpact;
  if (!is_valid_utf8(input)) return;
  const std::pair<NormalForm, int> forms[] = {{NormalForm::nfc, UTF8PROC_COMPOSE},
                                              {NormalForm::nfd, UTF8PROC_DECOMPOSE},
                                              {NormalForm::nfkc, UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
                                              {NormalForm::nfkd, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT}};
  for (const auto& [form, options] : forms) {
    AlignedText text(input, 0);
    normalize(text, form);
    UNPACT_FUZZ_REQUIRE(text.bytes() == of_library(input, options | UTF8PROC_STABLE));
    check_origins(text, input.size());
  }
  AlignedText lower(input, 0);
  to_lower_case(lower);
  UNPACT_FUZZ_REQUIRE(is_valid_utf8(lower.bytes()));
  check_origins(lower, input.size());
}
