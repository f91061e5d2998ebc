/// What makes sense in a method's options, and what contradicts itself.
#include <algorithm>
#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

void require_known(const char* key, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  const auto near = closest_match(value, known);
  throw UserError(concat("option 'method.", key, "' is '", value, "'"), concat("known: ", join(known, ", ")),
                  near.empty() ? "choose one of these" : concat("did you mean '", near, "'?"));
}

const ForgetKind& kind_of(const MethodOptions& method) {
  std::vector<std::string> names;
  for (const auto& kind : known_forget_kinds()) {
    if (kind.name == method.forget) return kind;
    names.push_back(kind.name);
  }
  require_known("forget", method.forget, names);
  throw ContractViolation("invariant", "an unknown kind was refused", __FILE__, __LINE__);
}

void require_number(const char* key, double value, bool good, const char* rule, const char* hint) {
  UNPACT_VALIDATE(good && std::isfinite(value), concat("option 'method.", key, "' is ", value), rule, hint);
}

/// An option that only one kind of method understands must not be set beside another.
void require_meant(bool meant, const char* key, const std::string& value, const std::string& needs) {
  UNPACT_VALIDATE(meant, concat("option 'method.", key, "' is '", value, "'"), concat("only ", needs, " has use for it"),
                  concat("remove it, or choose ", needs));
}

void check_names(const MethodOptions& m) {
  require_known("retain", m.retain, {"none", "gd", "kl"});
  require_known("npo_variant", m.npo_variant, {"sequence", "token_mean", "muse_logit"});
  require_known("kl_variant", m.kl_variant, {"token", "all_positions", "muse_logit"});
  require_known("weighting", m.weighting, {"none", "wga", "satimp", "given"});
  require_known("rmu_mean", m.rmu_mean, {"tokens", "sequences"});
}

void check_retain(const MethodOptions& m, const ForgetKind& kind) {
  UNPACT_VALIDATE(kind.takes_retain || m.retain == "none",
                  concat("options 'method.forget = ", m.forget, "' and 'method.retain = ", m.retain, "' contradict each other"),
                  m.forget == "rmu" ? "rmu brings its own retain side" : concat(m.forget, " has no loss on the retain set"),
                  "set method.retain = none");
  UNPACT_VALIDATE(m.forget != "pdu" || m.retain != "none", "options 'method.forget = pdu' and 'method.retain = none' contradict each other",
                  "pdu's dual variable weighs the retain loss", "set method.retain = gd");
  require_meant(m.kl_variant == "token" || m.retain == "kl", "kl_variant", m.kl_variant, "method.retain = kl");
}

void check_forget(const MethodOptions& m, const ForgetKind& kind) {
  require_meant(m.npo_variant == "sequence" || m.forget == "npo", "npo_variant", m.npo_variant, "method.forget = npo");
  require_meant(!m.length_normalized || (m.forget == "npo" && m.npo_variant == "sequence"), "length_normalized", "true",
                "method.forget = npo with npo_variant = sequence");
  require_meant(m.weighting == "none" || kind.takes_weighting, "weighting", m.weighting, "method.forget = ga, npo or simnpo");
  require_meant(m.weighting == "none" || m.npo_variant == "sequence", "weighting", m.weighting, "npo_variant = sequence");
  require_meant(m.weights_path.empty() || m.weighting == "given", "weights_path", m.weights_path, "method.weighting = given");
  UNPACT_VALIDATE(m.weighting != "given" || !m.weights_path.empty(), "option 'method.weights_path' is empty",
                  "method.weighting = given takes its numbers from a file", "name a file of JSON lines, one list a forget example");
  require_meant(m.alternates.empty() || m.forget == "dpo", "alternates", m.alternates, "method.forget = dpo");
  UNPACT_VALIDATE(m.forget != "dpo" || !m.alternates.empty(), "option 'method.alternates' is empty", "dpo needs answers to prefer",
                  "name a file with one answer a line, e.g. configs/methods/idk.txt");
}

void check_rmu(const MethodOptions& m) {
  require_meant(m.rmu_early_stop || m.forget == "rmu", "rmu_early_stop", "false", "method.forget = rmu");
}

void check_numbers(const MethodOptions& m, const ForgetKind& kind) {
  require_number("beta", m.beta, m.beta > 0 || m.beta == -1, "it must be positive, or -1 for the published value", "use -1");
  require_meant(m.beta == -1 || kind.default_beta > 0, "beta", concat(m.beta), "method.forget = npo, simnpo, dpo or undial");
  require_number("forget_weight", m.forget_weight, m.forget_weight >= 0, "it must be >= 0", "use 1");
  require_number("retain_weight", m.retain_weight, m.retain_weight >= 0, "it must be >= 0", "use 1");
  require_number("weight_power", m.weight_power, m.weight_power >= 0 || m.weight_power == -1, "it must be >= 0, or -1 for the published value",
                 "use -1");
  require_number("weight_complement", m.weight_complement, m.weight_complement >= 0, "it must be >= 0", "use 1");
  require_number("delta", m.delta, true, "it must be finite", "use 0");
  require_number("scale", m.scale, true, "it must be finite", "use 1");
  require_number("steering", m.steering, true, "it must be finite", "use 20");
  require_number("dual_rate", m.dual_rate, m.dual_rate >= 0, "it must be >= 0", "use 1");
  require_number("retain_limit", m.retain_limit, m.retain_limit > 0 || m.forget != "pdu", "pdu needs a limit on the retain loss, in nats a token",
                 "use a little more than the target's own retain loss");
  UNPACT_VALIDATE(m.skipped_targets >= 0 && m.dual_warmup >= 0, "a count is negative",
                  "method.skipped_targets and method.dual_warmup must be >= 0", "use 1 and 5");
}

}  // namespace

std::string name_of(const MethodOptions& method) {
  if (!method.name.empty()) return method.name;
  return method.retain == "none" ? method.forget : concat(method.forget, "_", method.retain);
}

double beta_of(const MethodOptions& method) { return method.beta == -1 ? kind_of(method).default_beta : method.beta; }

bool asks_target(const MethodOptions& m) {
  return m.retain == "kl" || m.forget == "npo" || m.forget == "dpo" || m.forget == "undial" || m.forget == "rmu";
}

double relative_cost(const MethodOptions& method) {
  return kind_of(method).cost + (method.retain == "gd" ? 1.0 : method.retain == "kl" ? 1.2 : 0.0);
}

void check_method(const MethodOptions& method) {
  const auto& kind = kind_of(method);
  check_names(method);
  check_retain(method, kind);
  check_forget(method, kind);
  check_rmu(method);
  check_numbers(method, kind);
  check_cache_options({method.cache, {}, method.cache_gib, {}});
}

}  // namespace unpact
