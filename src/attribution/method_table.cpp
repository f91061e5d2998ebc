#include "method_table.hpp"

#include <algorithm>

#include "methods.hpp"
#include "unpact/core/error.hpp"
#include "unpact/results/contribution.hpp"

namespace unpact {
namespace {

std::unique_ptr<LeaveOneOutEngine> engine_of(const MethodInputs& in) {
  return make_engine(in.settings.engine, static_cast<std::size_t>(in.settings.token_budget));
}

/// The largest number of removals: every token alone.
double one_each(const AttributionSettings&, double n) { return n + 1; }
double with_gradient(const AttributionSettings&, double) { return 3; }
double one(const AttributionSettings&, double) { return 1; }
double along_the_path(const AttributionSettings& s, double) { return 3 * static_cast<double>(s.steps) + 2; }
double over_orders(const AttributionSettings& s, double n) { return static_cast<double>(s.permutations) * n + 1; }
double over_masks(const AttributionSettings& s, double) { return static_cast<double>(s.samples) + 1; }

std::vector<MethodRow> rows() {
  std::vector<MethodRow> table;
  table.push_back(
      {{.name = kLeaveOneOut, .takes_encoders = true, .takes_remote = true, .settings = {"engine", "unit", "verify"}},
       [](const MethodInputs& in) { return make_leave_one_out(engine_of(in)); }});
  table.push_back(
      {{.name = "hierarchical",
        .inexact = "a token that was not taken out alone carries an equal share of its word's or sentence's contribution",
        .takes_encoders = true,
        .takes_remote = true,
        .passes = one_each,
        .settings = {"engine", "keep_sentences", "keep_words"}},
       [](const MethodInputs& in) { return make_hierarchical(engine_of(in), in.settings); }});
  table.push_back({{.name = "word_removal",
                    .takes_remote = true,
                    .removes = "whole words of the text, which is cut into tokens anew: not the removal of token ids",
                    .passes = one_each},
                   [](const MethodInputs& in) { return make_word_removal(in.tokenizer, in.token_budget()); }});
  table.push_back({{.name = "in_place_mask", .passes = one_each},
                   [](const MethodInputs& in) { return make_in_place_mask(in.token_budget()); }});
  table.push_back(
      {{.name = "baseline", .takes_remote = true, .passes = one_each, .settings = {"baseline"}}, [](const MethodInputs& in) {
         return make_baseline_replacement(resolve_baseline(in.settings.baseline, in.tokenizer).value(), in.token_budget());
       }});
  table.push_back({{.name = "gradient_x_input", .takes_two_models = false, .takes_shards = false, .passes = with_gradient},
                   [](const MethodInputs&) { return make_gradient_x_input(); }});
  table.push_back({{.name = "integrated_gradients",
                    .takes_two_models = false,
                    .takes_shards = false,
                    .takes_zero = true,
                    .passes = along_the_path,
                    .settings = {"baseline", "steps"}},
                   [](const MethodInputs& in) {
                     return make_integrated_gradients(resolve_baseline(in.settings.baseline, in.tokenizer),
                                                      in.settings.steps, in.token_budget());
                   }});
  table.push_back(
      {{.name = "shapley", .takes_remote = true, .passes = over_orders, .settings = {"permutations"}},
       [](const MethodInputs& in) { return make_shapley(in.settings.permutations, in.token_budget(), in.seed); }});
  table.push_back({{.name = "lime",
                    .takes_remote = true,
                    .passes = over_masks,
                    .settings = {"samples", "keep_probability", "surrogate", "penalty"}},
                   [](const MethodInputs& in) { return make_lime(in.settings, in.token_budget(), in.seed); }});
  table.push_back({{.name = "rollout", .is_in_nats = false, .takes_two_models = false, .passes = one},
                   [](const MethodInputs&) { return make_rollout(); }});
  return table;
}

/// Null for an unknown method.
const MethodRow* find_row(const std::string& method) {
  const auto& table = method_table();
  const auto row = std::find_if(table.begin(), table.end(), [&](const auto& r) { return r.facts.name == method; });
  return row == table.end() ? nullptr : &*row;
}

}  // namespace

const std::vector<MethodRow>& method_table() {
  static const std::vector<MethodRow> table = rows();
  return table;
}

const std::vector<std::string>& attribution_methods() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& row : method_table()) all.push_back(row.facts.name);
    return all;
  }();
  return names;
}

const MethodRow& row_of(const std::string& method) {
  const auto* row = find_row(method);
  UNPACT_VALIDATE(row != nullptr, concat("option 'attribution.method' is '", method, "'"),
                  concat("known: ", join(attribution_methods(), ", ")), "choose one of these");
  return *row;
}

const AttributionFacts& facts_of(const std::string& method) { return row_of(method).facts; }

void check_takes_shards(const std::string& method) {
  UNPACT_VALIDATE(facts_of(method).takes_shards, concat("attribution.method = ", method, " cannot look into this model"),
                  "its weights lie on shards (model.replica), which have no backward pass, and the method takes gradients",
                  "use an attribution that removes, masks or replaces tokens, such as leave_one_out, or devices that hold "
                  "the whole model");
}

std::string inexactness_of(const std::string& method) {
  const auto* row = find_row(method);
  return row == nullptr ? "" : row->facts.inexact;
}

std::string text_removed_by(const std::string& method) {
  const auto* row = find_row(method);
  return row == nullptr ? "" : row->facts.removes;
}

bool is_in_nats(const std::string& method) { return facts_of(method).is_in_nats; }

std::string unit_of(const std::string& method) { return is_in_nats(method) ? "nat/token" : "1"; }

std::unique_ptr<AttributionMethod> make_attribution_method(const std::string& method, const AttributionSettings& settings,
                                                           std::uint64_t seed, const Tokenizer& tokenizer) {
  check_attribution_settings(method, settings);
  const auto& row = row_of(method);
  auto made = row.make({settings, seed, tokenizer});
  made->facts_ = &row.facts;
  return made;
}

}  // namespace unpact
