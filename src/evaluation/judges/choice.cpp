#include "judges.hpp"
#include "whole_text.hpp"

namespace unpact {
namespace {

/// Compares letters; how a model chooses one says choices.hpp.
class ChoiceJudge : public WholeTextJudge {
 public:
  using WholeTextJudge::WholeTextJudge;

 protected:
  std::string part_of(std::string_view text) const override { return std::string(text); }
};

}  // namespace

std::unique_ptr<const Judge> make_choice(const JudgeOptions& options) { return std::make_unique<ChoiceJudge>(options); }

}  // namespace unpact
