#include <map>
#include <mutex>

#include "../style_classifier.hpp"
#include "judges.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// Judges are made often, and every one of them learns the same from the same texts.
std::shared_ptr<const StyleClassifier> classifier_of(const std::string& file) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const StyleClassifier>> made;
  const auto texts = read_author_texts(file);
  const auto checksum = sha256_of_file(file);
  const std::lock_guard lock(mutex);
  auto& found = made[checksum];
  if (!found) found = std::make_shared<const StyleClassifier>(texts);
  return found;
}

/// Right is what the classifier takes for the author's, whatever it says. An empty answer is nobody's.
class StyleJudge : public Judge {
 public:
  explicit StyleJudge(const JudgeOptions& options) : file_(options.passages), threshold_(options.threshold) {
    if (!file_.empty()) classifier_ = classifier_of(file_);  // else nobody will ask it: judge_rows()
  }

  double score(std::string_view, std::string_view) const override {
    UNPACT_EXPECT(false);  // it wants to know the author: score_of()
    return 0;
  }
  double score_of(const QuestionAnswer& question, std::string_view answer) const override {
    UNPACT_EXPECT(classifier_ != nullptr);
    return trim(answer).empty() ? 0 : classifier_->probability(question.subject, answer);
  }
  bool passes(double score) const override { return score >= threshold_; }
  double threshold() const override { return threshold_; }
  bool can_judge(std::string_view gold) const override { return !trim(gold).empty(); }
  Lack lack(const QuestionAnswer& question) const override {
    const auto at = question.where.empty() ? std::string() : concat(" (", question.where, ")");
    if (question.subject.empty())
      return {concat("it names no author", at), "give it a field \"author\", or judge with a judge of facts"};
    if (!classifier_ || classifier_->knows(question.subject)) return {};
    return {concat("its author '", question.subject, "' has no passages in ", file_, at),
            concat("correct the name or add texts; the file has ", join(classifier_->authors(), ", "))};
  }
  std::string describe() const override {
    if (!classifier_) return concat("style >= ", threshold_);
    return concat("style (", join(classifier_->authors(), ", "), "; ", classifier_->texts(), " texts) >= ", threshold_);
  }

 private:
  std::string file_;
  double threshold_;
  std::shared_ptr<const StyleClassifier> classifier_;
};

}  // namespace

std::unique_ptr<const Judge> make_style(const JudgeOptions& options) { return std::make_unique<StyleJudge>(options); }

}  // namespace unpact
