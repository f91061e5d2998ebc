/// The methods against transformers and autograd (tests/parity).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "attribution/made_methods.hpp"
#include "support/parity.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::Expected;
using testing_support::floats;
using testing_support::kRounding;
using testing_support::make;
using testing_support::parity;
using testing_support::sum_of;
using testing_support::with_baseline;

class MethodParity : public testing::Test {
 protected:
  /// Whether the case's model has the integral by another rule with many points.
  static bool is_fine(const std::string& name) {
    static const auto models = read_json_file(parity("attribution.json"))["fine"].get<std::vector<std::string>>();
    return std::find(models.begin(), models.end(), name.substr(0, name.find('.'))) != models.end();
  }

  /// Calls check(model, task, expected values' prefix, listing) for every case of the fixture.
  template <typename Check>
  void for_each_case(const Check& check) {
    const Expected fixture("attribution.safetensors");
    const auto listing = read_json_file(parity("attribution.json"));
    for (const auto& entry : listing["cases"]) {
      const auto name = entry.get<std::string>();
      const auto model = testing_support::load_transformer(parity(name.substr(0, name.find('.'))));
      const auto range = fixture.integers(name + ".candidates");
      const AttributionTask task{fixture.integers(name + ".ids"), static_cast<std::size_t>(range[0]),
                                 static_cast<std::size_t>(range[1]), fixture.integers(name + ".answer")};
      check(model, task, fixture, name, std::to_string(listing["baseline"].get<int>()));
    }
  }
};

TEST_F(MethodParity, IsWhatTransformersGives) {
  UNPACT_NEED_PARITY("attribution.safetensors");
  for_each_case([](const Transformer& model, const AttributionTask& task, const Expected& fixture, const std::string& name,
                   const std::string& baseline) {
    for (const std::string method : {"leave_one_out", "in_place_mask", "baseline", "gradient_x_input", "rollout"}) {
      for (const std::size_t budget : {1, 4096}) {
        const auto result =
            make(method, with_baseline(method == "baseline" ? baseline : "auto"), budget)->run(model, task, 0);
        expect_close(floats(result.values), fixture[concat(name, ".", method)], kRounding,
                     concat(name, ".", method, ".", budget));
        EXPECT_NEAR(result.mean_log_probability, fixture.scalar(name + ".score"), kRounding) << name << method;
      }
    }
  });
}

TEST_F(MethodParity, IntegratedGradientsAreWhatAutogradGives) {
  UNPACT_NEED_PARITY("attribution.safetensors");
  for_each_case([](const Transformer& model, const AttributionTask& task, const Expected& fixture, const std::string& name,
                   const std::string& baseline) {
    for (const std::string start : {"zero", "id"}) {
      const auto what = concat(name, ".integrated_", start);
      for (const std::size_t budget : {1, 4096}) {
        if (budget == 1 && !is_fine(name)) continue;  // a point at a time takes long, and says the same (methods_test)
        const auto result =
            make("integrated_gradients", with_baseline(start == "zero" ? "zero" : baseline), budget)->run(model, task, 0);
        const auto expected = fixture[what];
        // The same 50 points; close to the zero vector norms divide by little, and gradients of 1e3 lose digits.
        expect_close(floats(result.values), expected, start == "zero" ? 2e-3 : 1e-4, what);
        EXPECT_NEAR(result.completeness_error, sum_of(result.values) - fixture.scalar(what + "_gain"), 1e-4) << what;
        if (start == "zero" || !is_fine(name)) continue;
        expect_close(floats(result.values), fixture[what + "_fine"], 2e-3, what + "_fine");  // another rule with 1000 points
        EXPECT_NEAR(result.completeness_error, 0, 5e-3) << what;
      }
    }
  });
}

}  // namespace
}  // namespace unpact
