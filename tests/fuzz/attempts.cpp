#include "../../src/data/attempts.hpp"  // private to the layer

#include "fuzz_target.hpp"
#include "unpact/core/text.hpp"

/// A file of attempts for a dataset of two questions.
UNPACT_FUZZ_TARGET(attempts) {
  using namespace unpact;
  Dataset dataset;
  for (const char* question : {"Who?", "Where is Varn?"}) {
    dataset.forget_questions.emplace_back();
    dataset.forget_questions.back().question = question;
    dataset.forget_questions.back().answer = "Ada";
  }
  const auto lost = add_attempts_of(input, "input", dataset);
  std::size_t found = 0;
  for (const auto& pair : dataset.forget_questions) {
    for (const auto& attempt : pair.attempts) {
      UNPACT_FUZZ_REQUIRE(!attempt.probe.empty() && attempt.probe.size() <= 60 && !attempt.attempt.empty());
      ++found;
    }
  }
  UNPACT_FUZZ_REQUIRE(found > 0);
  for (const auto& line : lost) UNPACT_FUZZ_REQUIRE(line.starts_with("input"));
}
