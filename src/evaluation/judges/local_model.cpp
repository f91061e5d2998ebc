#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <utility>

#include "../judging.hpp"
#include "judges.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/sequences.hpp"
#include "verdict_prompt.hpp"

namespace unpact {
namespace {

constexpr double kGivenThreshold = 0.5;  // the model says yes rather than no

/// ask() of a model that answers elsewhere.
std::vector<double> ask_remotely(const Transformer& model, const VerdictPrompts& verdicts,
                                 const std::vector<std::vector<TokenId>>& prompts) {
  std::vector<PromptAnswer> items;
  for (const auto& prompt : prompts)
    for (const auto reply : {verdicts.yes(), verdicts.no()}) items.push_back({prompt, {reply}});
  const auto found = score_answers(model, items);
  std::vector<double> scores;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    scores.push_back(1 / (1 + std::exp(double{found[2 * i + 1].front()} - double{found[2 * i].front()})));
  return scores;
}

/// p(yes) / (p(yes) + p(no)) behind each prompt, in passes of a few thousand tokens.
std::vector<double> ask(const Transformer& model, const VerdictPrompts& verdicts,
                        const std::vector<std::vector<TokenId>>& prompts) {
  if (remote_of(model) != nullptr) return ask_remotely(model, verdicts, prompts);
  refuse_encoder_decoder(model.config(), "asked as a judge");
  const c10::InferenceMode guard;
  std::vector<double> scores(prompts.size());
  const auto length = [&](std::size_t i) {
    check_sequence(model.config(), prompts[i], 0);
    return prompts[i].size();
  };
  for (const auto& batch : pack_by_length(prompts.size(), length, kPaddedTokens)) {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<std::int64_t> last, rows;
    std::vector<TokenId> targets;
    for (const auto i : batch) {
      last.push_back(static_cast<std::int64_t>(sequences.size() * prompts[batch.front()].size() + prompts[i].size() - 1));
      for (const auto reply : {verdicts.yes(), verdicts.no()}) {
        rows.push_back(static_cast<std::int64_t>(sequences.size()));
        targets.push_back(reply);
      }
      sequences.push_back(prompts[i]);
    }
    const auto hidden_RD =
        model.hidden(pad_right(sequences, model.device())).flatten(0, 1).index_select(0, to_tensor(last, model.device()));
    const auto found = chosen_log_probabilities(model, hidden_RD, rows, targets);
    for (std::size_t b = 0; b < batch.size(); ++b)
      scores[batch[b]] = 1 / (1 + std::exp(double{found[2 * b + 1]} - double{found[2 * b]}));
  }
  return scores;
}

/// A model is asked whether an answer says what the gold one says.
class LocalModelJudge : public Judge {
 public:
  explicit LocalModelJudge(const JudgeOptions& options) : options_(options) {}

  double score(std::string_view, std::string_view) const override {
    UNPACT_EXPECT(false);  // it asks of many at once: scores()
    return 0;
  }
  bool passes(double score) const override { return score >= threshold(); }
  double threshold() const override { return options_.calibrated.value_or(kGivenThreshold); }
  bool calibrates() const override { return true; }
  bool can_judge(std::string_view gold) const override { return !trim(gold).empty(); }
  std::string describe() const override {
    return concat("local_model", options_.model.empty() ? " (the model itself)" : "", " >= ", threshold(),
                  options_.calibrated ? " (calibrated)" : "");
  }

  /// Equal answers to one question are asked about once; an empty one is wrong. What is asked together does not depend on
  /// the number of ranks.
  std::vector<double> scores(const AnswersToJudge& answers) const override {
    UNPACT_EXPECT(options_.model.empty() || options_.asked != nullptr);
    const auto& judge = options_.model.empty() ? answers.model : *options_.asked;
    const VerdictPrompts verdicts(options_, *judge.tokenizer);
    std::map<std::pair<const AskedQuestion*, std::string>, std::size_t> places;
    std::vector<std::pair<const AskedQuestion*, const std::string*>> asked;
    for (std::size_t i = 0; i < answers.answers.size(); ++i) {
      const auto& text = answers.answers[i];
      if (!trim(text).empty() && places.try_emplace({answers.questions[i], text}, asked.size()).second)
        asked.emplace_back(answers.questions[i], &text);
    }
    const auto found =
        run_in_pages(answers.pages_of("local_model", kSequencesTogether), asked.size(),
                     [&](std::size_t page_first, std::size_t page_last) {
                       return share_work(answers.group, page_last - page_first, kSequencesTogether,
                                         [&](std::size_t first, std::size_t last) {
                                           std::vector<std::vector<TokenId>> prompts;
                                           for (auto i = page_first + first; i < page_first + last; ++i)
                                             prompts.push_back(verdicts.prompt(asked[i].first->pair, *asked[i].second));
                                           return ask(judge.transformer, verdicts, prompts);
                                         });
                     });
    std::vector<double> all;
    for (std::size_t i = 0; i < answers.answers.size(); ++i) {
      const auto place = places.find({answers.questions[i], answers.answers[i]});
      all.push_back(place == places.end() ? 0 : found[place->second]);
    }
    return all;
  }

 private:
  JudgeOptions options_;
};

}  // namespace

std::unique_ptr<const Judge> make_local_model(const JudgeOptions& options) {
  return std::make_unique<LocalModelJudge>(options);
}

}  // namespace unpact
