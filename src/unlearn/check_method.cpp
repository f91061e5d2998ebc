/// What makes sense in a method's options, and what contradicts itself.
#include <cmath>
#include <functional>

#include "unpact/core/error.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

using Fact = std::function<bool(const ForgetKind&)>;

/// "method.forget = ga, npo or simnpo": the kinds of which this is true.
std::string kinds_with(const Fact& fact) {
  std::vector<std::string> names;
  for (const auto& kind : known_forget_kinds())
    if (fact(kind)) names.push_back(kind.name);
  UNPACT_EXPECT(!names.empty());
  const auto last = names.back();
  names.pop_back();
  return concat("method.forget = ", join(names, ", "), names.empty() ? "" : " or ", last);
}

void require_number(const char* key, double value, bool good, const std::string& rule, const char* hint) {
  UNPACT_VALIDATE(good && std::isfinite(value), concat("option 'method.", key, "' is ", value), rule, hint);
}

/// An option that only one kind of method understands must not be set beside another.
void require_meant(bool meant, const std::string& key, const std::string& value, const std::string& needs) {
  UNPACT_VALIDATE(meant, concat("option 'method.", key, "' is '", value, "'"), concat("only ", needs, " has use for it"),
                  concat("remove it, or choose ", needs));
}

/// @param unset whether the option says what it says without anybody's doing.
void require_own(bool unset, const std::string& key, const std::string& value, const ForgetKind& kind) {
  const auto has_it = [&](const ForgetKind& row) { return row.own_options.count(key) != 0; };
  require_meant(unset || has_it(kind), key, value, kinds_with(has_it));
}

void check_retain(const MethodOptions& m, const ForgetKind& kind) {
  const auto problem = concat("options 'method.forget = ", m.forget, "' and 'method.retain = ", name_of_value(m.retain),
                              "' contradict each other");
  UNPACT_VALIDATE(kind.takes_retain() || m.retain == RetainKind::none, problem,
                  concat(m.forget, " brings its own retain side"), "set method.retain = none");
  UNPACT_VALIDATE(kind.retain_side != RetainSide::required || m.retain != RetainKind::none, problem,
                  concat(m.forget, "'s dual variable weighs the retain loss"), "set method.retain = gd");
  require_meant(m.kl_variant == KlVariant::token || m.retain == RetainKind::kl, "kl_variant", name_of_value(m.kl_variant),
                "method.retain = kl");
}

void check_forget(const MethodOptions& m, const ForgetKind& kind) {
  const bool by_sequence = m.npo_variant == NpoVariant::sequence, by_token = m.npo_variant == NpoVariant::token,
             weighted = m.weighting != WeightingKind::none;
  require_own(by_sequence, "npo_variant", name_of_value(m.npo_variant), kind);
  require_own(!m.length_normalized, "length_normalized", "true", kind);
  require_meant(!m.length_normalized || by_sequence, "length_normalized", "true", "npo_variant = sequence");
  require_own(m.rmu_early_stop, "rmu_early_stop", "false", kind);
  require_own(m.reinforced == Reinforced::own, "reinforced", name_of_value(m.reinforced), kind);
  require_own(m.alternates.empty(), "alternates", m.alternates, kind);
  const auto& weighting = name_of_value(m.weighting);
  require_meant(!weighted || kind.takes_weighting, "weighting", weighting,
                kinds_with([](const auto& row) { return row.takes_weighting; }));
  require_meant(!weighted || by_sequence || by_token, "weighting", weighting, "npo_variant = sequence or token");
  const bool by_confidence = m.weighting == WeightingKind::wga || m.weighting == WeightingKind::satimp;
  require_own(m.weight_scale == WeightScale::fading, "weight_scale", name_of_value(m.weight_scale), kind);
  require_meant(m.weight_scale == WeightScale::fading || by_confidence, "weight_scale", name_of_value(m.weight_scale),
                "method.weighting = wga or satimp");
  require_meant(m.weight_outside == 0 || m.weighting == WeightingKind::spans, "weight_outside", concat(m.weight_outside),
                "method.weighting = spans");
  require_meant(m.span_tokens == 0 || m.weighting == WeightingKind::spans, "span_tokens", concat(m.span_tokens),
                "method.weighting = spans");
  const bool by_attribution = m.weighting == WeightingKind::attribution, by_place = weighs_by_place(m.weighting);
  require_meant(m.anchor_weight == 0 || by_place, "anchor_weight", concat(m.anchor_weight),
                "method.weighting = given, spans or attribution");
  require_meant(m.attribution_weights == MethodOptions().attribution_weights || by_attribution, "attribution_weights",
                name_of_value(m.attribution_weights), "method.weighting = attribution");
  require_meant(m.weight_share == MethodOptions().weight_share ||
                    (by_attribution && m.attribution_weights == AttributionWeights::hard),
                "weight_share", concat(m.weight_share), "method.attribution_weights = hard");
  require_own(m.flattened == MethodOptions().flattened, "flattened", concat(m.flattened), kind);
  UNPACT_VALIDATE(
      !weighted || (by_place && m.weight_power <= 0) || kind.takes_probabilities,
      concat("options 'method.forget = ", m.forget, "' and 'method.weighting = ", weighting, "' contradict each other"),
      "its loss asks for no probability of the target that a weight could follow",
      "use method.weighting = spans, attribution, given or none, and no method.weight_power");
  require_own(m.refusal == MethodOptions().refusal, "refusal", m.refusal, kind);
  require_meant(m.weights_path.empty() || m.weighting == WeightingKind::given, "weights_path", m.weights_path,
                "method.weighting = given");
  if (const auto* file = needed_file(m))
    UNPACT_VALIDATE(!(m.*file->path).empty(), concat("option 'method.", file->option, "' is empty"), file->reason,
                    file->hint);
}

void check_numbers(const MethodOptions& m, const ForgetKind& kind) {
  require_number("beta", m.beta, m.beta > 0 || m.beta == -1, "it must be positive, or -1 for the published value", "use -1");
  require_meant(m.beta == -1 || kind.default_beta > 0, "beta", concat(m.beta),
                kinds_with([](const auto& row) { return row.default_beta > 0; }));
  require_number("forget_weight", m.forget_weight, m.forget_weight >= 0, "it must be >= 0", "use 1");
  require_number("retain_weight", m.retain_weight, m.retain_weight >= 0, "it must be >= 0", "use 1");
  require_number("weight_power", m.weight_power, m.weight_power >= 0 || m.weight_power == -1,
                 "it must be >= 0, or -1 for the published value", "use -1");
  require_number("weight_complement", m.weight_complement, m.weight_complement >= 0, "it must be >= 0", "use 1");
  require_number("weight_share", m.weight_share, m.weight_share > 0 && m.weight_share <= 1,
                 "it must be above 0 and at most 1", "use 0.2");
  require_number("weight_outside", m.weight_outside, m.weight_outside >= 0, "it must be >= 0", "use 0");
  require_number("anchor_weight", m.anchor_weight, m.anchor_weight >= 0, "it must be >= 0", "use 1");
  require_number("delta", m.delta, true, "it must be finite", "use 0");
  require_number("scale", m.scale, true, "it must be finite", "use 1");
  require_number("steering", m.steering, true, "it must be finite", "use 20");
  require_number("dual_rate", m.dual_rate, m.dual_rate >= 0, "it must be >= 0", "use 1");
  require_number("retain_limit", m.retain_limit, m.retain_limit > 0 || kind.retain_rule == nullptr,
                 concat(m.forget, " needs a limit on the retain loss, in nats a token"),
                 "use a little more than the target's own retain loss");
  UNPACT_VALIDATE(m.flattened >= 2, concat("option 'method.flattened' is ", m.flattened),
                  "fewer than two logits are equal already", "use 50");
  UNPACT_VALIDATE(m.skipped_targets >= 0 && m.dual_warmup >= 0 && m.span_tokens >= 0, "a count is negative",
                  "method.skipped_targets, method.dual_warmup and method.span_tokens must be >= 0", "use 1, 5 and 0");
  UNPACT_VALIDATE(!m.refusal.empty(), "option 'method.refusal' is empty", "there would be nothing to pull answers towards",
                  "use \"No Idea\"");
}

}  // namespace

const ForgetKind& kind_of(const MethodOptions& method) {
  std::vector<std::string> names;
  for (const auto& kind : known_forget_kinds()) {
    if (kind.name == method.forget) return kind;
    names.push_back(kind.name);
  }
  const auto near = closest_match(method.forget, names);
  throw UserError(concat("option 'method.forget' is '", method.forget, "'"), concat("known: ", join(names, ", ")),
                  near.empty() ? "choose one of these" : concat("did you mean '", near, "'?"));
}

std::string path_of_needed_file(const MethodOptions& method) {
  const auto* file = needed_file(method);
  return file == nullptr ? std::string() : method.*file->path;
}

std::string name_of(const MethodOptions& method) {
  if (!method.name.empty()) return method.name;
  return method.retain == RetainKind::none ? method.forget : concat(method.forget, "_", name_of_value(method.retain));
}

double beta_of(const MethodOptions& method) { return method.beta == -1 ? kind_of(method).default_beta : method.beta; }

bool weighs_by_place(WeightingKind weighting) {
  return weighting == WeightingKind::given || weighting == WeightingKind::spans || weighting == WeightingKind::attribution;
}

bool asks_target(const MethodOptions& method) {
  return method.retain == RetainKind::kl || method.retain == RetainKind::jsd || method.anchor_weight > 0 ||
         kind_of(method).asks_target;
}

std::function<bool(const std::string&)> weights_trained_by(const MethodOptions& method, const ModelConfig& config) {
  const auto& kind = kind_of(method);
  if (kind.trained_weights == nullptr) return [](const std::string&) { return true; };
  return [names = kind.trained_weights(method, config)](const std::string& name) { return names.count(name) != 0; };
}

double relative_cost(const MethodOptions& method) {
  const double retain = method.retain == RetainKind::none ? 0.0 : method.retain == RetainKind::gd ? 1.0 : 1.2;
  return kind_of(method).cost + retain + (method.anchor_weight > 0 ? 1.2 : 0.0);
}

void check_method(const MethodOptions& method) {
  const auto& kind = kind_of(method);
  check_retain(method, kind);
  check_forget(method, kind);
  check_numbers(method, kind);
  check_cache_options({method.cache, {}, method.cache_gib, {}});
}

}  // namespace unpact
