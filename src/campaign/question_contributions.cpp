#include "unpact/campaign/question_contributions.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "make_once.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/codec.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/data/halves.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// The targets of each question's example; none of one that the context does not hold.
Answers targets_of(const LanguageModel& model, const std::vector<AskedQuestion>& questions) {
  Answers answers;
  const auto& config = model.transformer.config();
  for (const auto& asked : questions) {
    auto answer = asked.gold_answer;
    if (const auto end = model.tokenizer->eos_id()) answer.push_back(*end);
    const bool fits = asked.prompt.ids.size() + answer.size() <= static_cast<std::size_t>(config.max_positions);
    answers.push_back(fits ? std::move(answer) : std::vector<TokenId>());
  }
  return answers;
}

std::vector<TokenId> without_keys(const Prompt& prompt, const std::vector<std::uint8_t>& is_key_token) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < prompt.ids.size(); ++i) {
    const bool is_candidate = i >= prompt.candidate_begin && i < prompt.candidate_end;
    if (!is_candidate || is_key_token[i - prompt.candidate_begin] == 0) ids.push_back(prompt.ids[i]);
  }
  return ids;
}

/// The answer behind the whole question and behind what is left of it without its KeyTokens, scored in the same pass.
void remove_together(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                     const Answers& answers, std::vector<QuestionContributions>& found) {
  using Pair = std::vector<std::vector<float>>;
  const auto scores = share_work(group, questions.size(), 1, [&](std::size_t first, std::size_t last) {
    std::vector<Pair> pairs;
    for (auto q = first; q < last; ++q) {
      auto& pair = pairs.emplace_back();
      const auto& keys = found[q].is_key_token;
      if (std::ranges::count(keys, std::uint8_t{0}) == static_cast<std::ptrdiff_t>(keys.size())) continue;
      auto rest = without_keys(questions[q].prompt, keys);
      if (!rest.empty())
        pair = score_answers(model.transformer, {{questions[q].prompt.ids, answers[q]}, {std::move(rest), answers[q]}});
    }
    return pairs;
  });
  for (std::size_t q = 0; q < found.size(); ++q)
    if (!scores[q].empty()) found[q].whole = scores[q].at(0), found[q].joint = scores[q].at(1);
}

Json parts_of(const std::vector<AskedQuestion>& questions) {
  Json parts = Json::array();
  for (const auto& asked : questions)
    parts.push_back(
        {asked.prompt.ids, asked.prompt.candidate_begin, asked.prompt.candidate_end, asked.prompt.text, asked.gold_answer});
  return parts;
}

/// Asks the target when the first page is missing, and lets it go.
class Target {
 public:
  Target(const Session& session, const Configuration& c, const LanguageModel& mapped)
      : session_(session), c_(c), mapped_(mapped),
        leave_one_out_(make_leave_one_out(
            make_engine(c.attribution.settings.engine, static_cast<std::size_t>(c.attribution.settings.token_budget)))) {}
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  ~Target() {
    const bool was_open = opened_.has_value();
    opened_.reset();
    if (was_open) give_memory_back(session_.device());
  }

  std::vector<QuestionContributions> ask(const std::vector<AskedQuestion>& questions, const std::string& set) {
    if (!opened_) opened_ = open_to_answer(session_, session_.world(), c_, mapped_, answering_dtype(session_, c_, mapped_));
    return contributions_of(session_.world(), *opened_, questions, c_.attribution.keys, *leave_one_out_,
                            concat("target: contributions, ", set, " set"));
  }

 private:
  const Session& session_;
  const Configuration& c_;
  const LanguageModel& mapped_;
  std::unique_ptr<AttributionMethod> leave_one_out_;
  std::optional<LanguageModel> opened_;
};

}  // namespace

std::vector<QuestionContributions> contributions_of(const Communicator& group, const LanguageModel& model,
                                                    const std::vector<AskedQuestion>& questions, const KeyTokenOptions& keys,
                                                    const AttributionMethod& leave_one_out, const std::string& label) {
  const auto answers = targets_of(model, questions);
  auto results = attribute_answers(group, model.transformer, leave_one_out, questions, answers, label);
  std::vector<QuestionContributions> found(questions.size());
  for (std::size_t q = 0; q < questions.size(); ++q) {
    auto& matrix = found[q].log_probabilities = std::move(results[q].log_probabilities);
    if (matrix.empty()) continue;
    const auto candidates = matrix.size() / answers[q].size() - 1;
    const auto own = of_first_targets(matrix, candidates, questions[q].gold_answer.size());  // its end decides no KeyToken
    found[q].is_key_token = find_key_tokens(own.contributions(), keys);
    found[q].key_words = key_words(questions[q], found[q].is_key_token);
  }
  remove_together(group, model, questions, answers, found);
  return found;
}

bool needs_contributions(const Configuration& c) {
  return c.method.weighting == WeightingKind::attribution || c.unlearn.phrased > 0;
}

std::vector<AskedQuestion> questions_to_attribute(const Configuration& c, const Dataset& dataset, const Tokenizer& tokenizer,
                                                  const PromptTemplate& prompt_template) {
  Dataset asked;
  asked.forget_questions = dataset.forget_questions;
  if (c.unlearn.phrased > 0) asked.retain_questions = trained_half(dataset.retain_questions);
  return ask_questions(asked, tokenizer, prompt_template, 0, 0);
}

TrainedContributions contributions_to_train(const Session& session, const Configuration& c, const Dataset& dataset,
                                            const LanguageModel& target, const fs::path& place, Claims* claims) {
  TrainedContributions trained;
  if (!needs_contributions(c)) return trained;
  const auto& world = session.world();
  auto forget = questions_to_attribute(c, dataset, *target.tokenizer, target.prompt_template);
  const auto first_retain = std::ranges::find(forget, false, &AskedQuestion::in_forget_set);
  const std::vector<AskedQuestion> retain(first_retain, forget.end());
  forget.erase(first_retain, forget.end());
  const Json parts = {target.checksums.weights,
                      target.checksums.config,
                      target.tokenizer->checksum(),
                      c10::toString(answering_dtype(session, c, target)),
                      name_of_value(c.attribution.settings.engine),
                      c.attribution.keys.alpha,
                      c.attribution.keys.beta,
                      parts_of(forget),
                      parts_of(retain)};
  const auto digest = sha256_of_bytes(parts.dump(-1, ' ', false, Json::error_handler_t::replace));
  constexpr std::size_t kShortDigest = 12;  // hex digits
  const auto folder = place / concat(pair_id(c), ".contributions-", digest.substr(0, kShortDigest));
  const auto finished = folder / "finished";
  const auto page = static_cast<std::size_t>(c.attribution.save_every);
  const auto read_or_ask = [&] {
    Target asked(session, c, target);
    FinishedPages pages(world, folder, digest);
    const auto of_set = [&](const std::vector<AskedQuestion>& questions, const std::string& set) {
      return pages.run(set, questions.size(), page, [&](std::size_t first, std::size_t last) {
        return asked.ask(
            {questions.begin() + static_cast<std::ptrdiff_t>(first), questions.begin() + static_cast<std::ptrdiff_t>(last)},
            set);
      });
    };
    trained = {of_set(forget, "forget"), of_set(retain, "retain")};
  };
  const auto make = [&] {
    read_or_ask();
    if (world.is_root()) write_file_atomically(finished, digest + "\n");
  };
  const auto is_made = [&] {
    std::error_code code;
    return fs::exists(finished, code);
  };
  if (!make_once(world, claims, concat("contributions.", pair_id(c), ".", digest.substr(0, kShortDigest)), is_made, make))
    read_or_ask();
  return trained;
}

}  // namespace unpact
