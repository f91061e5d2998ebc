#include <fstream>
#include <iostream>

#include "jobs/inspect/inspect_parts.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxLineBytes = 64 << 20;
constexpr std::size_t kShownTokens = 12;  // of the special ones

std::string id_text(const std::optional<TokenId>& id, const Tokenizer& tokenizer) {
  return id ? concat(*id, " ", tokenizer.piece(*id)) : std::string("none");
}

std::string special_text(const Tokenizer& tokenizer) {
  const auto tokens = tokenizer.special_tokens();
  if (tokens.empty()) return "none";
  std::vector<std::string> shown;
  for (const auto& [id, text] : tokens) {
    if (shown.size() == kShownTokens) break;
    shown.push_back(concat(id, " ", text));
  }
  const auto more = tokens.size() - shown.size();
  return concat(tokens.size(), ": ", join(shown, ", "), more > 0 ? concat(", and ", more, " more") : std::string());
}

void print_properties(const Tokenizer& tokenizer) {
  line("kind", tokenizer.kind());
  line("vocabulary", concat(tokenizer.vocabulary_size(), " pieces"));
  line("BOS", id_text(tokenizer.bos_id(), tokenizer));
  line("EOS", id_text(tokenizer.eos_id(), tokenizer));
  line("special tokens", special_text(tokenizer));
  for (const auto& [name, value] : tokenizer.describe()) line(name, value);
  line("SHA-256", tokenizer.checksum());
}

Json encoded(const Tokenizer& tokenizer, const std::string& text, bool add_special) {
  const auto encoding = add_special ? tokenizer.encode_with_special(text) : tokenizer.encode(text);
  Json pieces = Json::array(), offsets = Json::array();
  for (const TokenId id : encoding.ids) pieces.push_back(tokenizer.piece(id));
  for (const auto& span : encoding.spans) offsets.push_back({span.begin, span.end});
  return {{"ids", encoding.ids}, {"pieces", pieces}, {"offsets", offsets}, {"decoded", tokenizer.decode(encoding.ids)}};
}

/// What the tokenizer makes of one line: a string, or an object with `text` and perhaps `add_special`.
Json answer(const Tokenizer& tokenizer, const std::string& line, std::size_t number) {
  const std::string where = "the input";
  try {
    UNPACT_VALIDATE(line.size() <= kMaxLineBytes, concat(where, " is too long"), concat(line.size(), " bytes"),
                    "one JSON value a line");
    const auto json = parse_json(line, where, 8);
    if (json.is_string()) return encoded(tokenizer, json.get<std::string>(), false);
    return encoded(tokenizer, require_string(json, "text", where), bool_or(json, "add_special", false, where));
  } catch (const UserError& error) {
    return {{"line", number}, {"error", concat(error.problem(), ": ", error.reason())}};
  }
}

/// @return whether every line could be encoded.
bool answer_lines(const Tokenizer& tokenizer, std::istream& in) {
  bool all = true;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (trim(line).empty()) continue;
    const auto reply = answer(tokenizer, line, number);
    all = all && !reply.contains("error");
    std::cout << reply.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    if (!std::cout)
      throw RuntimeFailure("the answers cannot be written", "standard output is full or its reader has gone",
                           "send it elsewhere");
  }
  if (!std::cout.flush())
    throw RuntimeFailure("the answers cannot be written", "standard output is full or its reader has gone",
                         "send it elsewhere");
  return all;
}

}  // namespace

bool inspect_tokenizer(const fs::path& folder, const std::string& input) {
  if (!input.empty()) log::keep_stdout_for_data();
  const auto tokenizer = load_tokenizer(folder);
  if (input.empty()) {
    print_properties(*tokenizer);
    return true;
  }
  if (input == "-") return answer_lines(*tokenizer, std::cin);
  std::ifstream in(input);
  UNPACT_VALIDATE(in.is_open() && !fs::is_directory(input), concat("cannot read ", input), "there is no such file",
                  "check the path, or use - for standard input");
  return answer_lines(*tokenizer, in);
}

}  // namespace unpact
