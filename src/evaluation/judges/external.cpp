#include <cmath>
#include <filesystem>
#include <map>

#include "../judging.hpp"
#include "judges.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

/// Names an answer to a question whatever model gave it: SHA-256 of the JSON list [question, gold answer, answer].
std::string id_of(const QuestionAnswer& question, std::string_view answer) {
  const Json parts = {question.question, question.answer, std::string(answer)};
  return sha256_of_bytes(parts.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// A verdict: true, false, or a score in [0, 1].
double score_of_verdict(const Json& line, const std::string& where) {
  const auto right = line.find("right");
  UNPACT_VALIDATE(right != line.end(), concat(where, ": field 'right' is missing"), "it is the verdict",
                  "write true, false or a score from 0 to 1");
  if (right->is_boolean()) return right->get<bool>() ? 1 : 0;
  const double score = right->is_number() ? right->get<double>() : -1;
  UNPACT_VALIDATE(score >= 0 && score <= 1, concat(where, ": field 'right' is ", right->dump()), "it is no verdict",
                  "write true, false or a score from 0 to 1");
  return score;
}

std::map<std::string, double> read_verdicts(const fs::path& file) {
  std::map<std::string, double> verdicts;
  std::error_code code;
  if (!fs::exists(file, code)) return verdicts;  // nobody has judged anything yet
  std::size_t number = 0;
  for (const auto& text : split_list(read_file(file), '\n')) {
    const auto where = concat(file.string(), ", verdict ", ++number);
    const auto line = parse_json(text, where);
    UNPACT_VALIDATE(line.is_object(), concat(where, " is no JSON object"), concat("found a JSON ", line.type_name()),
                    "write {\"id\": ..., \"right\": true}");
    verdicts[require_string(line, "id", where)] = score_of_verdict(line, where);
  }
  return verdicts;
}

/// Verdicts of people or programs. What has none is written as JSON lines {id, question, gold, answer}, for them to judge.
class ExternalJudge : public Judge {
 public:
  explicit ExternalJudge(const JudgeOptions& options)
      : file_(options.verdicts), threshold_(options.threshold), verdicts_(read_verdicts(file_)) {}

  double score(std::string_view, std::string_view) const override {
    UNPACT_EXPECT(false);  // it wants to know the question: scores()
    return 0;
  }
  bool passes(double score) const override { return score >= threshold_; }
  bool can_judge(std::string_view gold) const override { return !gold.empty(); }
  std::string describe() const override { return concat("external >= ", threshold_); }

  /// @throws UserError on every rank where an answer has no verdict; the root has then written those that have none. An
  /// empty answer is wrong without one.
  std::vector<double> scores(const AnswersToJudge& answers) const override {
    std::vector<double> all;
    std::map<std::string, std::string> open;  // line by id
    for (std::size_t i = 0; i < answers.answers.size(); ++i) {
      const auto& pair = answers.questions[i]->pair;
      const auto id = id_of(pair, answers.answers[i]);
      const auto found = verdicts_.find(id);
      all.push_back(answers.answers[i].empty() || found == verdicts_.end() ? 0 : found->second);
      if (answers.answers[i].empty() || found != verdicts_.end()) continue;
      const Json line = {{"id", id}, {"question", pair.question}, {"gold", pair.answer}, {"answer", answers.answers[i]}};
      open[id] = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    fail_together(answers.group, [&] {
      if (!open.empty()) refuse(answers.group, open);
    });
    return all;
  }

 private:
  /// Under a name of its content: jobs may judge different cells at once.
  [[noreturn]] void refuse(const Communicator& group, const std::map<std::string, std::string>& open) const {
    std::string lines;
    for (const auto& [id, line] : open) lines += line;
    constexpr std::size_t kShort = 12;
    const auto file = fs::path(file_.string() + ".open") / (sha256_of_bytes(lines).substr(0, kShort) + ".jsonl");
    if (group.is_root()) {
      fs::create_directories(file.parent_path());
      write_file_atomically(file, lines);
    }
    throw UserError(concat(open.size(), " answer(s) have no verdict of the external judge"),
                    concat("they are in ", file.string(), ": JSON lines of id, question, gold and answer"),
                    concat("append a line {\"id\": ..., \"right\": true or false} for each to ", file_.string(),
                           " and start the same command again (a campaign with --retry-failed): answers are kept"));
  }

  fs::path file_;
  double threshold_;
  std::map<std::string, double> verdicts_;
};

}  // namespace

std::unique_ptr<const Judge> make_external(const JudgeOptions& options) { return std::make_unique<ExternalJudge>(options); }

}  // namespace unpact
