#pragma once
/// Examples and the positions of the model that learns from them.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/data/examples.hpp"

namespace unpact {

/// What becomes of an example that is longer than the model's context.
enum class LongExamples {
  refuse,
  cut,   ///< its first tokens stay, as many as there are positions
  skip,  ///< it is left out, if it is a question's
};
UNPACT_ENUMERATION(LongExamples, "refuse", "cut", "skip");

struct ContextLimit {
  std::int64_t positions = std::numeric_limits<std::int64_t>::max();  ///< of the model
  LongExamples rule = LongExamples::refuse;
  std::int64_t vocabulary = std::numeric_limits<std::int64_t>::max();  ///< ids that the model has rows for
};

/// Which examples are longer than the context, by index.
std::vector<std::size_t> too_long(const std::vector<Example>& examples, std::int64_t positions);

/// Makes every example fit, by the limit's rule, and says in the log how many were cut or left out. One with an id beyond the
/// vocabulary is refused.
/// @param set names them where an example does not know its file: "forget set". @throws UserError naming file and number of the
/// first that is too long, under `refuse`; of one of which no token with loss is left, under `cut`; of a piece of a text,
/// under `skip`.
void fit_context(std::vector<Example>& examples, const ContextLimit& limit, const std::string& set);

/// The same for two lists that go together: what one lacks, the other lacks too.
void fit_context(std::vector<Example>& examples, std::vector<Example>& others, const ContextLimit& limit,
                 const std::string& set);

}  // namespace unpact
