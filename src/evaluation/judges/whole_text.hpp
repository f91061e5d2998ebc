#pragma once
/// Judges that compare whole answers: right or wrong, without a threshold.
#include <string>

#include "unpact/evaluation/judge.hpp"

namespace unpact {

class WholeTextJudge : public Judge {
 public:
  explicit WholeTextJudge(const JudgeOptions& options) : name_(options.kind) {}
  double score(std::string_view gold, std::string_view answer) const override {
    return part_of(gold) == part_of(answer) ? 1 : 0;
  }
  bool passes(double score) const override { return score == 1; }
  bool can_judge(std::string_view gold) const override { return !part_of(gold).empty(); }
  std::string describe() const override { return name_; }

 protected:
  /// What is compared of a text.
  virtual std::string part_of(std::string_view text) const = 0;

 private:
  std::string name_;
};

}  // namespace unpact
