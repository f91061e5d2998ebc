#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "options/resolving.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::refusal;
using testing_support::resolve;

TEST(EndpointOptions, AreReadForTargetAndUnlearned) {
  const auto c = resolve({"--model.endpoint", "http://a:8000/v1", "--model.endpoint_kind", "sglang", "--endpoint.unlearned",
                          "https://b/x", "--endpoint.unlearned_name", "g", "--endpoint.requests", "3"},
                         "evaluate");
  EXPECT_EQ(c.model.endpoint.url, "http://a:8000/v1");
  EXPECT_EQ(c.model.endpoint.kind, EndpointKind::sglang);
  EXPECT_EQ(c.endpoint.unlearned.url, "https://b/x");
  EXPECT_EQ(c.endpoint.unlearned.kind, EndpointKind::vllm);
  EXPECT_EQ(c.endpoint.unlearned.name, "g");
  EXPECT_NE(c.endpoint.unlearned.key_variable, c.model.endpoint.key_variable) << "a key goes to one server alone";
}

TEST(EndpointOptions, AnAddressIsOneOfHttpWithoutSecrets) {
  for (const char* bad : {"localhost:8000", "ftp://a", "http://", "http://a b", "http://a/#x"})
    EXPECT_THAT(refusal({"--model.endpoint", bad}, "ask"), AllOf(HasSubstr("'model.endpoint'"), HasSubstr("no address")))
        << bad;
  for (const char* secret : {"http://me:sesame@a", "http://a/?key=sesame"})
    EXPECT_THAT(refusal({"--endpoint.unlearned", secret}, "ask"),
                AllOf(HasSubstr("'endpoint.unlearned'"), HasSubstr("environment"), Not(HasSubstr("sesame"))));
}

TEST(EndpointOptions, ProbesAndMetricsThatNeedWeightsAreRefusedByName) {
  for (const std::string probe : {"logit_lens", "quantize", "relearn", "soft_prompt"})
    for (const char* option : {"--model.endpoint", "--endpoint.unlearned"})
      EXPECT_THAT(refusal({option, "http://a", "--probe.use", probe}, "evaluate"),
                  AllOf(HasSubstr("'" + probe + "'"), HasSubstr("weights")));
  EXPECT_THAT(refusal({"--model.endpoint", "http://a", "--evaluation.depth", "true"}, "evaluate"),
              HasSubstr("'evaluation.depth'"));
  EXPECT_NO_THROW(resolve({"--model.endpoint", "http://a", "--probe.use", "focus_on_key, probab, prefill"}, "evaluate"));
}

TEST(EndpointOptions, JobsThatNeedWeightsRefuseThemByName) {
  for (const std::string job : {"finetune", "unlearn", "reproduce", "collect"})
    EXPECT_THAT(refusal({"--model.endpoint", "http://a"}, job), AllOf(HasSubstr(job), HasSubstr("weights"))) << job;
  EXPECT_THAT(refusal({"--endpoint.unlearned", "http://a"}, "attribute"), HasSubstr("'endpoint.unlearned'"));
  EXPECT_THAT(refusal({"--model.endpoint", "http://a", "--model.make_target", "true"}, "attribute"),
              HasSubstr("make_target"));
}

}  // namespace
}  // namespace unpact
