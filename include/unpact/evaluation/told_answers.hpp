#pragma once
/// Which questions some solved questions give away.
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "unpact/data/dataset.hpp"

namespace unpact {

/// tells() (probe.hpp) of many questions at once, by an index of words: sets have thousands.
class ToldAnswers {
 public:
  /// @param shown must outlive this.
  explicit ToldAnswers(const std::vector<QuestionAnswer>& shown);
  /// Whether some of them is this question, or tells its answer.
  bool tell(const QuestionAnswer& asked) const;

 private:
  const std::vector<QuestionAnswer>& shown_;
  std::map<std::string, std::vector<std::size_t>> by_word_, by_question_;
};

}  // namespace unpact
