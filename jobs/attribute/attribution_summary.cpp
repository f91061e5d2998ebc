#include "jobs/attribute/attribution_summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "unpact/attribution/method.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// The numbers of both answers that are there.
std::vector<double> present(const ModelRecord& model, std::vector<double> ContributionRecord::*member) {
  std::vector<double> values;
  for (const auto* part : {&model.gold, &model.own})
    for (const double value : part->*member)
      if (!std::isnan(value)) values.push_back(value);
  return values;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> attribution_summary(const CellRecord& record) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : record.attribution_settings) settings.push_back(concat(name, " ", value));
  std::vector<std::pair<std::string, std::string>> lines = {
      {"attribution",
       settings.empty() ? record.attribution_method : concat(record.attribution_method, " (", join(settings, ", "), ")")}};
  std::size_t candidates = 0;
  std::ptrdiff_t keys = 0, uncertain = 0;
  for (const auto* part : {&record.target.gold, &record.target.own}) {
    candidates += part->is_key_token.values.size();
    keys += std::count(part->is_key_token.values.begin(), part->is_key_token.values.end(), 1);
    uncertain += std::count(part->is_uncertain.values.begin(), part->is_uncertain.values.end(), 1);
  }
  lines.emplace_back("target's KeyTokens",
                     concat(keys, " of ", candidates, " candidates; noise could turn ", uncertain, " verdict(s)"));
  for (const auto& found : record.verification)
    if (found.candidates > 0)
      lines.emplace_back(
          concat(found.model, "'s in fp32"),
          concat(found.turned, " of ", found.candidates, " verdict(s) turn, on ", found.questions, " question(s)"));
  if (!inexactness_of(record.attribution_method).empty()) {
    const auto alone = [](const ContributionRecord& part) {
      return std::count_if(part.standard_errors.values.begin(), part.standard_errors.values.end(),
                           [](float e) { return !std::isnan(e); });
    };
    lines.emplace_back("taken out alone",
                       concat(alone(record.target.gold) + alone(record.target.own), " of ", candidates, " candidates"));
  }
  const auto errors = present(record.target, &ContributionRecord::completeness_error);
  const auto larger = [](double a, double b) { return std::abs(a) < std::abs(b); };
  if (!errors.empty())
    lines.emplace_back(
        "completeness error",
        concat("at most ", rounded(std::abs(*std::max_element(errors.begin(), errors.end(), larger))), " nats/token"));
  auto fits = present(record.target, &ContributionRecord::surrogate_r2);
  if (!fits.empty()) {
    std::sort(fits.begin(), fits.end());
    lines.emplace_back("surrogate's r2",
                       concat("median ", rounded(fits[fits.size() / 2]), ", lowest ", rounded(fits.front())));
  }
  return lines;
}

}  // namespace unpact
