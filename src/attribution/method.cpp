#include "unpact/attribution/method.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "methods.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// The exact definition, by the engine of the configuration.
class LeaveOneOut : public AttributionMethod {
 public:
  explicit LeaveOneOut(std::unique_ptr<LeaveOneOutEngine> engine) : engine_(std::move(engine)) {}

  const LeaveOneOutEngine* engine() const override { return engine_.get(); }
  Attribution run(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    return attribution_of(engine_->run(model, task));
  }

 private:
  std::unique_ptr<LeaveOneOutEngine> engine_;
};

/// The id in `text`, none for anything else.
std::optional<TokenId> parse_baseline(const std::string& text) {
  TokenId id = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (code != std::errc() || end != text.data() + text.size() || id < 0) return std::nullopt;
  return id;
}

TokenId resolve_baseline(const std::string& text, const Tokenizer& tokenizer) {
  return text == "auto" ? default_baseline_id(tokenizer) : parse_baseline(text).value();
}

void check_baseline(const std::string& method, const std::string& text) {
  const bool zero_makes_sense = method != "baseline";
  const bool known = text == "auto" || (text == "zero" && zero_makes_sense) || parse_baseline(text);
  UNPACT_VALIDATE(known, concat("option 'attribution.baseline' is '", text, "'"),
                  zero_makes_sense ? "it must be auto, zero or a token id" : "method 'baseline' needs auto or a token id",
                  "use auto: the unknown, padding or EOS token");
}

void at_least(const char* key, std::int64_t value, std::int64_t least) {
  UNPACT_VALIDATE(value >= least, concat("option '", key, "' is ", value), concat("it must be at least ", least), "raise it");
}

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

Attribution attribution_of(AttributionResult removed) {
  Attribution result;
  result.values = removed.contributions();
  result.mean_log_probability = removed.mean_log_probability();
  result.log_probabilities = std::move(removed.log_probabilities);
  result.work = removed.work;
  return result;
}

const std::vector<std::string>& attribution_methods() {
  static const std::vector<std::string> names = {"leave_one_out", "hierarchical", "in_place_mask", "baseline", "gradient_x_input",
                                                 "integrated_gradients", "shapley", "lime", "rollout"};
  return names;
}

std::string inexactness_of(const std::string& method) {
  return method == "hierarchical" ? "a token that was not taken out alone carries an equal share of its word's or sentence's contribution" : "";
}

bool is_in_nats(const std::string& method) { return method != "rollout"; }

void check_attribution_settings(const std::string& method, const AttributionSettings& s) {
  const auto& names = attribution_methods();
  UNPACT_VALIDATE(std::find(names.begin(), names.end(), method) != names.end(), concat("option 'attribution.method' is '", method, "'"),
                  concat("known: ", join(names, ", ")), "choose one of these");
  check_baseline(method, s.baseline);
  at_least("attribution.steps", s.steps, 1);
  at_least("attribution.permutations", s.permutations, 2);
  at_least("attribution.samples", s.samples, 2);
  at_least("attribution.keep_sentences", s.keep_sentences, 1);
  at_least("attribution.keep_words", s.keep_words, 1);
  UNPACT_VALIDATE(s.permutations % 2 == 0, concat("option 'attribution.permutations' is ", s.permutations),
                  "orders come in pairs, one the reverse of the other", "use an even number");
  UNPACT_VALIDATE(s.keep_probability > 0 && s.keep_probability < 1, concat("option 'attribution.keep_probability' is ", s.keep_probability),
                  "masks must keep some candidates and leave out some", "use 0.5");
  UNPACT_VALIDATE(s.surrogate == "lasso" || s.surrogate == "ridge", concat("option 'attribution.surrogate' is '", s.surrogate, "'"),
                  "known: lasso, ridge", "choose one of these");
  UNPACT_VALIDATE(std::isfinite(s.penalty) && s.penalty > 0, concat("option 'attribution.penalty' is ", s.penalty),
                  "it must be positive", "use 0.01");
}

std::map<std::string, std::string> used_settings(const std::string& method, const AttributionSettings& s, const std::string& engine,
                                                 const Tokenizer& tokenizer) {
  if (method == "leave_one_out") return {{"engine", engine}};
  if (method == "hierarchical")
    return {{"engine", engine}, {"keep_sentences", std::to_string(s.keep_sentences)}, {"keep_words", std::to_string(s.keep_words)},
            {"inexact", inexactness_of(method)}};
  if (method == "baseline") return {{"baseline", std::to_string(resolve_baseline(s.baseline, tokenizer))}};
  if (method == "integrated_gradients")
    return {{"baseline", s.baseline == "zero" ? "zero" : std::to_string(resolve_baseline(s.baseline, tokenizer))}, {"steps", std::to_string(s.steps)}};
  if (method == "shapley") return {{"permutations", std::to_string(s.permutations)}};
  if (method == "lime")
    return {{"samples", std::to_string(s.samples)}, {"keep_probability", number(s.keep_probability)}, {"surrogate", s.surrogate},
            {"penalty", number(s.penalty)}};
  return {};
}

std::unique_ptr<AttributionMethod> make_attribution_method(const std::string& method, const AttributionSettings& s,
                                                           const std::string& engine, std::size_t token_budget,
                                                           std::uint64_t seed, const Tokenizer& tokenizer) {
  check_attribution_settings(method, s);
  if (method == "leave_one_out") return std::make_unique<LeaveOneOut>(make_engine(engine, token_budget));
  if (method == "hierarchical") return make_hierarchical(make_engine(engine, token_budget), s);
  if (token_budget == 0) token_budget = 4096;  // leave_one_out chooses one by the model and the memory
  if (method == "in_place_mask") return make_in_place_mask(token_budget);
  if (method == "baseline") return make_baseline_replacement(resolve_baseline(s.baseline, tokenizer), token_budget);
  if (method == "gradient_x_input") return make_gradient_x_input();
  if (method == "integrated_gradients") {
    const auto start = s.baseline == "zero" ? std::nullopt : std::optional(resolve_baseline(s.baseline, tokenizer));
    return make_integrated_gradients(start, s.steps, token_budget);
  }
  if (method == "shapley") return make_shapley(s.permutations, token_budget, seed);
  if (method == "lime") return make_lime(s, token_budget, seed);
  return make_rollout();
}

TokenId default_baseline_id(const Tokenizer& tokenizer) {
  const std::vector<std::vector<std::string>> spellings = {{"<unk>", "[UNK]", "<|unk|>"},
                                                           {"<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>"}};
  for (const auto& texts : spellings)
    for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id)
      if (std::find(texts.begin(), texts.end(), tokenizer.piece(id)) != texts.end()) return id;
  UNPACT_VALIDATE(tokenizer.eos_id().has_value(), "there is no baseline token", "the tokenizer has no unknown, padding or EOS token",
                  "name an id with attribution.baseline");
  return *tokenizer.eos_id();
}

}  // namespace unpact
