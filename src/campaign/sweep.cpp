#include "sweep.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/options/option_table.hpp"
#include "unpact/unlearn/forget_kind.hpp"

namespace unpact {
namespace {

constexpr const char* kForm = "write KEY = VALUE, VALUE, ...; several keys separated by ;";

/// One key with its values.
struct Axis {
  std::string key;
  std::vector<std::string> values;
};

std::string name_behind_dot(const std::string& key) { return key.substr(key.find('.') + 1); }

const Option& option_of(const OptionTable& table, const std::string& key, const std::string& problem) {
  std::vector<std::string> keys;
  for (const auto& option : table) {
    if (option.key == key) return option;
    keys.push_back(option.key);
  }
  const auto near = closest_match(key, keys);
  throw UserError(problem, "there is no option of this name",
                  near.empty() ? std::string("see `unpact reproduce --help`") : concat("did you mean '", near, "'?"));
}

/// Whether the option decides how a model forgets, and nothing that cells have in common.
bool is_of_unlearning(const Option& option) {
  const bool is_set = option.role == Role::setting || option.role == Role::instead;
  return is_set && option.affects.has(Made::training) && !option.affects.has(Made::target) &&
         !option.affects.has(Made::baseline);
}

void check_key(const Option& option, const std::string& problem) {
  static const std::set<std::string> lists = {"unlearn.forget_sets", "unlearn.forget_sets_checksum", "method.file_checksum"};
  UNPACT_VALIDATE(lists.count(option.key) == 0, problem, "its values are lists or checksums, not strengths",
                  "leave it out; campaign.sequence and campaign.forget_sets make cells of sets");
  UNPACT_VALIDATE(
      is_of_unlearning(option), problem,
      "the cells of a sweep share their target, its data and its answers, and that option belongs to them, or to "
      "nothing that changes a number",
      "sweep options of [method] and [unlearn]; campaign.seeds, campaign.models and campaign.datasets are lists "
      "of their own");
}

void check_values(const Option& option, const Axis& axis, const std::string& list) {
  std::map<std::string, std::string> seen;
  for (const auto& value : axis.values) {
    assign(option, value, concat("in '", list, "'"));
    if (option.check) option.check(option);
    const auto problem = concat("option '", list, "' has the value '", shortened(value), "' of '", axis.key, "'");
    UNPACT_VALIDATE(value.find('/') == std::string::npos, problem, "cells are named by it, and a / would name a folder",
                    "sweep numbers and names");
    const auto [first, is_new] = seen.try_emplace(value_text(option), value);
    UNPACT_VALIDATE(is_new, problem, concat("it is there already, as '", first->second, "'"), "remove one of the two");
  }
}

std::vector<Axis> read_axes(const std::string& text, const std::string& list) {
  Configuration scratch;
  const auto table = option_table(scratch);
  std::vector<Axis> axes;
  for (const auto& part : split_list(text, ';')) {
    const auto equals = part.find('=');
    UNPACT_VALIDATE(equals != std::string::npos, concat("option '", list, "' has the part '", shortened(part), "'"),
                    "it gives no values to a key", kForm);
    const Axis axis{trim(part.substr(0, equals)), split_list(part.substr(equals + 1))};
    const auto problem = concat("option '", list, "' names '", shortened(axis.key), "'");
    const auto& option = option_of(table, axis.key, problem);
    check_key(option, problem);
    UNPACT_VALIDATE(!axis.values.empty(), problem, "it has no values", kForm);
    for (const auto& other : axes)
      UNPACT_VALIDATE(name_behind_dot(other.key) != name_behind_dot(axis.key), problem,
                      other.key == axis.key ? std::string("it comes twice")
                                            : concat("it comes twice: '", other.key, "' is the same setting"),
                      "put all its values behind one key");
    check_values(option, axis, list);
    axes.push_back(axis);
  }
  return axes;
}

using HasUse = std::function<bool(const MethodOptions&)>;

/// Options that only some methods heed, where check_method() takes them beside any.
const std::map<std::string, HasUse>& heeded_by_some() {
  const auto of_kind = [](std::set<std::string> kinds) {
    return [kinds = std::move(kinds)](const MethodOptions& m) { return kinds.count(m.forget) != 0; };
  };
  const HasUse has_retain = [](const auto& m) { return kind_of(m).has_retain_term(m.retain); };
  const HasUse has_rule = [](const auto& m) { return kind_of(m).retain_rule != nullptr; };
  static const std::map<std::string, HasUse> table = {
      {"method.retain_weight", has_retain},
      {"unlearn.retain_sampling", has_retain},
      {"method.scale", of_kind({"tv", "whp"})},
      {"method.delta", of_kind({"simnpo"})},
      {"method.skipped_targets", [](const auto& m) { return kind_of(m).skips_targets; }},
      {"method.retain_limit", has_rule},
      {"method.dual_rate", has_rule},
      {"method.dual_warmup", has_rule},
      {"method.layer", of_kind({"rmu"})},
      {"method.trained_layers", of_kind({"rmu"})},
      {"method.trained_weights", of_kind({"rmu"})},
      {"method.steering", of_kind({"rmu"})},
      {"method.rmu_mean", of_kind({"rmu"})},
      {"method.weight_power", [](const auto& m) { return m.weighting != WeightingKind::none; }},
      {"method.weight_complement", [](const auto& m) { return m.weighting == WeightingKind::satimp; }},
  };
  return table;
}

}  // namespace

std::vector<SweepPoint> sweep_points(const CampaignOptions& campaign) {
  const bool own = !campaign.method_sweep.empty();
  std::vector<SweepPoint> points(1);
  if (campaign.method_sweep == kNoSweep) return points;
  for (const auto& axis : read_axes(own ? campaign.method_sweep : campaign.sweep, own ? "method.sweep" : "campaign.sweep")) {
    std::vector<SweepPoint> longer;
    for (const auto& point : points)
      for (const auto& value : axis.values) {
        longer.push_back(point);
        longer.back().settings.push_back(concat(axis.key, "=", value));
        longer.back().name += concat("-", name_behind_dot(axis.key), "-", value);
      }
    points = std::move(longer);
  }
  return points;
}

void require_use_of_sweep(const SweepPoint& point, const MethodOptions& method) {
  for (const auto& setting : point.settings) {
    const auto key = setting.substr(0, setting.find('='));
    const auto row = heeded_by_some().find(key);
    UNPACT_VALIDATE(row == heeded_by_some().end() || row->second(method),
                    concat("the sweep of '", key, "' contradicts the method '", name_of(method), "'"),
                    concat("method.forget = ", method.forget, " with method.retain = ", name_of_value(method.retain),
                           " has no use for it, so that all its cells would be the same"),
                    "set sweep = none, or a sweep of its own, in [method] of that method's choice file");
  }
}

}  // namespace unpact
