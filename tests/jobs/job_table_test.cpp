#include "jobs/job_table.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::message_of;

TEST(HelpText, ListsTheMethodsWhereTheyMatter) {
  for (const auto* job : {"unlearn", "evaluate", "reproduce"})
    for (const auto& kind : known_forget_kinds())
      EXPECT_THAT(help_text(job), HasSubstr(concat("\n    ", kind.name, " "))) << job;
  EXPECT_THAT(help_text("ask"), Not(HasSubstr("simnpo")));
}

TEST(HelpText, OfEveryJobAndOfAnUnknownOne) {
  for (const auto* job :
       {"finetune", "unlearn", "attribute", "evaluate", "reproduce", "collect", "inspect", "ask", "probe", "status"})
    EXPECT_THAT(help_text(job), AllOf(HasSubstr("usage: unpact " + std::string(job)), HasSubstr("\n  --"))) << job;
  EXPECT_THAT(message_of<UserError>([] { help_text("finetun"); }), HasSubstr("did you mean 'finetune'?"));
}

TEST(RequireTokenRemoval, RefusesWhatOnlyWholeEvaluationsHeed) {
  Configuration c;
  require_token_removal(c, "ask");
  c.attribution.settings.unit = RemovalUnit::word;
  EXPECT_THAT(message_of<UserError>([&] { require_token_removal(c, "ask"); }),
              AllOf(HasSubstr("attribution.unit"), HasSubstr("word")));
  c.attribution.settings = {};
  c.attribution.settings.verify = 3;
  EXPECT_THAT(message_of<UserError>([&] { require_token_removal(c, "ask"); }), HasSubstr("attribution.verify"));
}

}  // namespace
}  // namespace unpact
