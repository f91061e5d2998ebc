#include "judges.hpp"
#include "normalize_answer.hpp"
#include "whole_text.hpp"

namespace unpact {
namespace {

class ExactMatchJudge : public WholeTextJudge {
 public:
  using WholeTextJudge::WholeTextJudge;

 protected:
  std::string part_of(std::string_view text) const override { return normalize_answer(text); }
};

}  // namespace

std::unique_ptr<const Judge> make_exact_match(const JudgeOptions& options) {
  return std::make_unique<ExactMatchJudge>(options);
}

}  // namespace unpact
