#include "trace.hpp"

#include <string_view>

#include "entries.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr std::string_view kOpens = "<think>", kCloses = "</think>";

}  // namespace

std::string trace_of(const Json& entry, const std::string& field, const std::string& where) {
  if (field.empty()) return {};
  auto trace = trim(text_field(entry, field, where));
  const bool opens = trace.starts_with(kOpens), closes = trace.ends_with(kCloses);
  UNPACT_VALIDATE(!opens || trace.find(kCloses) != std::string::npos,
                  concat(where, ": the trace in field '", field, "' has no end"),
                  concat("it opens with ", kOpens, " and nothing closes it"),
                  concat("put ", kCloses, " behind it, or take the mark in front away"));
  if (closes) trace.erase(trace.size() - kCloses.size());
  if (opens) trace.erase(0, kOpens.size());
  trace = trim(trace);
  require_text(trace, concat("the trace in field '", field, "'"), where);
  for (const auto mark : {kOpens, kCloses})
    UNPACT_VALIDATE(trace.find(mark) == std::string::npos,
                    concat(where, ": field '", field, "' holds ", mark, " inside of a trace"),
                    "a thought opens and ends once, and the answer is a field of its own", "take the mark out");
  return trace;
}

}  // namespace unpact
