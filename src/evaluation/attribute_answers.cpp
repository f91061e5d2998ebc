#include <algorithm>
#include <cstring>

#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {
namespace {

using Answers = std::vector<std::vector<TokenId>>;

/// A question's different answers that can be scored, and which of them each given answer is.
struct Job {
  AttributionRequest request;
  std::vector<std::size_t> row_of;     ///< of each candidate token, the row of the removal that took it out
  std::vector<std::size_t> answer_of;  ///< one a given answer; kNone: it is empty
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
};

Job make_job(const AskedQuestion& question, const Answers& answers) {
  Job job;
  job.request.prompt = question.prompt.ids;
  const auto bounds = unit_bounds(question.prompt, question.unit);
  for (std::size_t u = 0; u + 1 < bounds.size(); ++u) {
    job.request.removals.push_back({bounds[u], bounds[u + 1]});
    job.row_of.insert(job.row_of.end(), bounds[u + 1] - bounds[u], u + 1);
  }
  auto& different = job.request.answers;
  for (const auto& answer : answers) {
    const auto known = std::find(different.begin(), different.end(), answer);
    job.answer_of.push_back(answer.empty() ? Job::kNone : static_cast<std::size_t>(known - different.begin()));
    if (!answer.empty() && known == different.end()) different.push_back(answer);
  }
  return job;
}

/// Calls with fewer questions than this cut each into several parts, so that ranks find work in a call with one question
/// alone. It must not depend on the number of ranks: how a question is cut shows in the last bits of its numbers.
constexpr std::size_t kFewestParts = 32;

/// A part of one question's removals.
struct Piece {
  std::size_t question;
  AttributionPart part;
};

/// Calls run() and adds to its errors which question of which step they are about.
template <typename Run>
auto naming(const std::string& label, const std::vector<AskedQuestion>& questions, std::size_t index, const Run& run) {
  const auto where = [&] { return concat(label, ", ", name_of_question(questions, index), ": "); };
  try {
    return run();
  } catch (const UserError& error) {
    throw UserError(where() + error.problem(), error.reason(), error.hint());
  } catch (const RuntimeFailure& error) {
    throw RuntimeFailure(where() + error.problem(), error.reason(), error.hint());
  }
}

std::string encode(const std::vector<AttributionResult>& results) {
  std::vector<std::uint64_t> numbers;
  std::string values;
  for (const auto& r : results) {
    for (const auto n : {r.work.positions, r.work.model_calls, r.work.logit_rows, static_cast<std::uint64_t>(r.log_probabilities.size())})
      numbers.push_back(n);
    values += to_bytes(r.log_probabilities);
  }
  return to_bytes(numbers) + values;
}

/// Adds an encoded piece to the results of its question.
void append(const std::string& bytes, std::vector<AttributionResult>& results) {
  constexpr std::size_t fields = 4;
  const auto header = results.size() * fields * sizeof(std::uint64_t);
  const auto numbers = from_bytes<std::uint64_t>(bytes.substr(0, header));
  auto at = header;
  for (std::size_t a = 0; a < results.size(); ++a) {
    results[a].work += {numbers[fields * a], 0, numbers[fields * a + 1], numbers[fields * a + 2]};
    const auto size = numbers[fields * a + 3] * sizeof(float);
    const auto values = from_bytes<float>(bytes.substr(at, size));
    results[a].log_probabilities.insert(results[a].log_probabilities.end(), values.begin(), values.end());
    at += size;
  }
}

/// Everything that this call attributes, cut into pieces in a way that does not depend on the ranks.
class DealtRemovals {
 public:
  DealtRemovals(const Transformer& model, const LeaveOneOutEngine& engine, const std::vector<AskedQuestion>& questions,
              const std::vector<Answers>& answers, const std::string& label)
      : session_(engine.open(model)), questions_(questions), label_(label) {
    for (std::size_t q = 0; q < questions.size(); ++q) jobs_.push_back(make_job(questions[q], answers[q]));
    const auto answered = std::count_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return !job.request.answers.empty(); });
    const auto requests = std::max<std::size_t>(1, static_cast<std::size_t>(answered)), pieces = (kFewestParts + requests - 1) / requests;
    for (std::size_t q = 0; q < questions.size(); ++q) {
      if (jobs_[q].request.answers.empty()) continue;
      const auto parts = naming(label_, questions_, q, [&] { return session_->finer_parts(jobs_[q].request, pieces); });
      for (const auto& part : parts) pieces_.push_back({q, part});
    }
  }

  std::vector<std::vector<AttributionResult>> run(const Communicator& group) {
    std::vector<std::uint64_t> costs;
    for (const auto& piece : pieces_) costs.push_back(piece.part.positions);
    const auto bounds = cut_by_cost(costs, static_cast<std::size_t>(group.size()));
    const auto rank = static_cast<std::size_t>(group.rank());
    Progress progress(label_, static_cast<std::int64_t>(questions_in(bounds[rank], bounds[rank + 1])), "prompts");
    const auto encoded = share_by_cost(group, costs, [&](std::size_t first, std::size_t last) {
      std::vector<std::string> results;
      for (auto p = first; p < last; ++p) {
        const auto& piece = pieces_[p];
        results.push_back(encode(naming(label_, questions_, piece.question,
                                        [&] { return session_->run_part(jobs_[piece.question].request, piece.part); })));
        if (p + 1 == last || pieces_[p + 1].question != piece.question) progress.advance();
      }
      return results;
    });
    return assembled(encoded);
  }

 private:
  std::size_t questions_in(std::size_t first, std::size_t last) const {
    std::size_t count = 0;
    for (auto p = first; p < last; ++p) count += p + 1 == last || pieces_[p + 1].question != pieces_[p].question;
    return count;
  }

  std::vector<std::vector<AttributionResult>> assembled(const std::vector<std::string>& encoded) const {
    std::vector<std::vector<AttributionResult>> different(jobs_.size());
    for (std::size_t q = 0; q < jobs_.size(); ++q) {
      const auto& request = jobs_[q].request;
      for (std::size_t a = 0; a < request.answers.size(); ++a) {
        different[q].push_back({request.removals.size(), request.answers[a].size(), {}, {}});
        different[q].back().work.positions_naive = naive_positions(request, a);
      }
    }
    for (std::size_t p = 0; p < pieces_.size(); ++p) append(encoded[p], different[pieces_[p].question]);
    std::vector<std::vector<AttributionResult>> results(jobs_.size());
    for (std::size_t q = 0; q < jobs_.size(); ++q)
      for (const auto a : jobs_[q].answer_of) results[q].push_back(by_token(given(different[q], a), jobs_[q].row_of));
    return results;
  }

  /// What is given a second time cost nothing more, though naively it would have.
  static AttributionResult given(std::vector<AttributionResult>& different, std::size_t a) {
    if (a == Job::kNone) return {};
    auto result = different[a];
    different[a].work = {0, result.work.positions_naive, 0, 0};
    return result;
  }

  /// One row a token instead of one a unit.
  static AttributionResult by_token(AttributionResult result, const std::vector<std::size_t>& row_of) {
    if (result.log_probabilities.empty() || result.candidates == row_of.size()) return result;
    const auto by_unit = std::move(result.log_probabilities);
    const auto row = [&](std::size_t r) { return by_unit.begin() + static_cast<std::ptrdiff_t>(r * result.answer_tokens); };
    result.log_probabilities.assign(row(0), row(1));
    for (const auto r : row_of) result.log_probabilities.insert(result.log_probabilities.end(), row(r), row(r + 1));
    result.candidates = row_of.size();
    return result;
  }

  std::unique_ptr<AttributionSession> session_;
  const std::vector<AskedQuestion>& questions_;
  std::string label_;
  std::vector<Job> jobs_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::string name_of_question(const std::vector<AskedQuestion>& questions, std::size_t index) {
  const bool forget = questions[index].in_forget_set;
  const auto number = std::count_if(questions.begin(), questions.begin() + static_cast<std::ptrdiff_t>(index),
                                    [&](const auto& asked) { return asked.in_forget_set == forget; });
  return concat(forget ? "forget" : "retain", " question ", number);
}

void check_gold_answers(const ModelConfig& config, const std::vector<AskedQuestion>& questions) {
  for (std::size_t q = 0; q < questions.size(); ++q) {
    for (const auto id : questions[q].gold_answer) {
      const bool ends = std::find(config.eos_ids.begin(), config.eos_ids.end(), id) != config.eos_ids.end();
      UNPACT_VALIDATE(!ends && id != config.bos_id, concat(name_of_question(questions, q), ": its gold answer holds the ",
                                                           ends ? "end" : "BOS", " token ", id),
                      "no answer of the model contains it", "take the special token out of the dataset's answer");
    }
  }
}

std::vector<std::vector<AttributionResult>> attribute_answer_sets(const Communicator& group, const Transformer& model,
                                                                  const LeaveOneOutEngine& engine,
                                                                  const std::vector<AskedQuestion>& questions,
                                                                  const std::vector<std::vector<std::vector<TokenId>>>& answers,
                                                                  const std::string& label) {
  UNPACT_EXPECT(answers.size() == questions.size());
  return DealtRemovals(model, engine, questions, answers, label).run(group);
}

std::vector<AttributionResult> attribute_answers(const Communicator& group, const Transformer& model, const LeaveOneOutEngine& engine,
                                                 const std::vector<AskedQuestion>& questions,
                                                 const std::vector<std::vector<TokenId>>& answers, const std::string& label) {
  UNPACT_EXPECT(answers.size() == questions.size());
  std::vector<std::vector<std::vector<TokenId>>> sets;
  for (const auto& answer : answers) sets.push_back({answer});
  std::vector<AttributionResult> results;
  for (auto& result : attribute_answer_sets(group, model, engine, questions, sets, label)) results.push_back(std::move(result.front()));
  return results;
}

}  // namespace unpact
