#include <algorithm>
#include <charconv>
#include <cmath>

#include "method_table.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// One setting: its name as of the options, its text, and when results tell it.
struct Setting {
  enum class Told { always, when_changed, never };
  std::string name;
  std::string (*text)(const AttributionSettings& settings);
  Told told = Told::always;
};

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

const std::vector<Setting>& settings_table() {
  using S = AttributionSettings;
  static const std::vector<Setting> table = {
      {"engine", [](const S& s) { return name_of_value(s.engine); }},
      {"unit", [](const S& s) { return name_of_value(s.unit); }, Setting::Told::when_changed},
      {"verify", [](const S& s) { return std::to_string(s.verify); }, Setting::Told::never},
      {"baseline", [](const S& s) { return s.baseline; }},
      {"steps", [](const S& s) { return std::to_string(s.steps); }},
      {"permutations", [](const S& s) { return std::to_string(s.permutations); }},
      {"samples", [](const S& s) { return std::to_string(s.samples); }},
      {"keep_probability", [](const S& s) { return number(s.keep_probability); }},
      {"surrogate", [](const S& s) { return name_of_value(s.surrogate); }},
      {"penalty", [](const S& s) { return number(s.penalty); }},
      {"keep_sentences", [](const S& s) { return std::to_string(s.keep_sentences); }},
      {"keep_words", [](const S& s) { return std::to_string(s.keep_words); }}};
  return table;
}

bool heeds(const AttributionFacts& facts, const std::string& setting) {
  return std::find(facts.settings.begin(), facts.settings.end(), setting) != facts.settings.end();
}

/// The id in `text`, none for anything else.
std::optional<TokenId> parse_id(const std::string& text) {
  TokenId id = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (code != std::errc() || end != text.data() + text.size() || id < 0) return std::nullopt;
  return id;
}

void check_baseline(const AttributionFacts& facts, const std::string& text) {
  const bool zero_makes_sense = facts.takes_zero || !heeds(facts, "baseline");
  const bool known = text == "auto" || (text == "zero" && zero_makes_sense) || parse_id(text);
  UNPACT_VALIDATE(known, concat("option 'attribution.baseline' is '", text, "'"),
                  zero_makes_sense ? "it must be auto, zero or a token id"
                                   : concat("method '", facts.name, "' needs auto or a token id"),
                  "use auto: the unknown, padding or EOS token");
}

void at_least(const char* key, std::int64_t value, std::int64_t least) {
  UNPACT_VALIDATE(value >= least, concat("option '", key, "' is ", value), concat("it must be at least ", least),
                  "raise it");
}

void check_ranges(const AttributionFacts& facts, const AttributionSettings& s) {
  check_baseline(facts, s.baseline);
  UNPACT_VALIDATE(s.token_budget >= 0, concat("option 'attribution.token_budget' is ", s.token_budget),
                  "it is a number of tokens", "use 0, which lets the free memory decide");
  UNPACT_VALIDATE(s.verify >= 0, concat("option 'attribution.verify' is ", s.verify), "it is a number of questions",
                  "use 0 to verify none");
  at_least("attribution.steps", s.steps, 1);
  at_least("attribution.permutations", s.permutations, 2);
  at_least("attribution.samples", s.samples, 2);
  at_least("attribution.keep_sentences", s.keep_sentences, 1);
  at_least("attribution.keep_words", s.keep_words, 1);
  UNPACT_VALIDATE(s.permutations % 2 == 0, concat("option 'attribution.permutations' is ", s.permutations),
                  "orders come in pairs, one the reverse of the other", "use an even number");
  UNPACT_VALIDATE(s.keep_probability > 0 && s.keep_probability < 1,
                  concat("option 'attribution.keep_probability' is ", s.keep_probability),
                  "masks must keep some candidates and leave out some", "use 0.5");
  UNPACT_VALIDATE(std::isfinite(s.penalty) && s.penalty > 0, concat("option 'attribution.penalty' is ", s.penalty),
                  "it must be positive", "use 0.01");
}

/// What would be ignored is refused.
void check_heeded(const AttributionFacts& facts, const AttributionSettings& s) {
  const AttributionSettings defaults;
  for (const auto& setting : settings_table()) {
    if (heeds(facts, setting.name) || setting.text(s) == setting.text(defaults)) continue;
    std::vector<std::string> others;
    for (const auto& row : method_table())
      if (heeds(row.facts, setting.name)) others.push_back(row.facts.name);
    throw UserError(concat("option 'attribution.", setting.name, "' is '", setting.text(s), "'"),
                    concat("attribution.method = ", facts.name, " does not heed it; it is for ", join(others, ", ")),
                    concat("leave it at '", setting.text(defaults), "', or choose another attribution.method"));
  }
}

}  // namespace

std::optional<TokenId> resolve_baseline(const std::string& text, const Tokenizer& tokenizer) {
  if (text == "zero") return std::nullopt;
  return text == "auto" ? default_baseline_id(tokenizer) : parse_id(text).value();
}

void check_attribution_settings(const std::string& method, const AttributionSettings& settings) {
  const auto& facts = facts_of(method);
  check_ranges(facts, settings);
  check_heeded(facts, settings);
}

std::map<std::string, std::string> used_settings(const std::string& method, const AttributionSettings& settings,
                                                 const Tokenizer& tokenizer) {
  const auto& facts = facts_of(method);
  std::map<std::string, std::string> used;
  for (const auto& setting : settings_table()) {
    if (!heeds(facts, setting.name) || setting.told == Setting::Told::never) continue;
    const auto text = setting.text(settings);
    if (setting.told == Setting::Told::always || text != setting.text(AttributionSettings())) used[setting.name] = text;
  }
  if (heeds(facts, "baseline"))
    if (const auto id = resolve_baseline(settings.baseline, tokenizer)) used["baseline"] = std::to_string(*id);
  if (!facts.inexact.empty()) used["inexact"] = facts.inexact;
  if (!facts.removes.empty()) used["removes"] = facts.removes;
  return used;
}

TokenId default_baseline_id(const Tokenizer& tokenizer) {
  const std::vector<std::vector<std::string>> spellings = {{"<unk>", "[UNK]", "<|unk|>"},
                                                           {"<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>"}};
  for (const auto& texts : spellings)
    for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id)
      if (std::find(texts.begin(), texts.end(), tokenizer.piece(id)) != texts.end()) return id;
  UNPACT_VALIDATE(tokenizer.eos_id().has_value(), "there is no baseline token",
                  "the tokenizer has no unknown, padding or EOS token", "name an id with attribution.baseline");
  return *tokenizer.eos_id();
}

}  // namespace unpact
