#include "dealt_removals.hpp"

#include <algorithm>

#include "unpact/comm/share_work.hpp"
#include "unpact/core/progress.hpp"

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
  Job job{removal_request(question), {}, {}};
  for (std::size_t u = 0; u < job.request.removals.size(); ++u)
    job.row_of.insert(job.row_of.end(), job.request.removals[u].size(), u + 1);
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

/// Everything that this call attributes, cut into pieces in a way that does not depend on the ranks. Questions are counted
/// from the range's first.
class DealtRemovals {
 public:
  DealtRemovals(const Transformer& model, const LeaveOneOutEngine& engine, const QuestionRange& range)
      : bound_(engine.open(model)), range_(range) {
    for (auto q = range.first; q < range.last; ++q) jobs_.push_back(make_job(range.questions[q], range.answers[q]));
    const auto answered =
        std::count_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return !job.request.answers.empty(); });
    const auto requests = std::max<std::size_t>(1, static_cast<std::size_t>(answered)),
               pieces = (kFewestParts + requests - 1) / requests;
    for (std::size_t q = 0; q < jobs_.size(); ++q) {
      if (jobs_[q].request.answers.empty()) continue;
      const auto parts =
          naming_question(range_, range_.first + q, [&] { return bound_->finer_parts(jobs_[q].request, pieces); });
      for (const auto& part : parts) pieces_.push_back({q, part});
    }
  }

  std::vector<std::vector<RemovalScores>> run(const Communicator& group) {
    std::vector<std::uint64_t> costs;
    for (const auto& piece : pieces_) costs.push_back(piece.part.positions);
    const auto bounds = cut_by_cost(costs, static_cast<std::size_t>(group.size()));
    const auto rank = static_cast<std::size_t>(group.rank());
    Progress progress(range_.label, static_cast<std::int64_t>(questions_in(bounds[rank], bounds[rank + 1])), "prompts");
    const auto computed = share_by_cost(group, costs, [&](std::size_t first, std::size_t last) {
      std::vector<std::vector<RemovalScores>> results;
      for (auto p = first; p < last;) {
        const auto end = std::min(last, p + bound_->parts_together());
        range_.heed_stop();
        for (auto& result : run_pieces(p, end)) results.push_back(std::move(result));
        for (; p < end; ++p)
          if (p + 1 == last || pieces_[p + 1].question != pieces_[p].question) progress.advance();
      }
      return results;
    });
    return assembled(computed);
  }

 private:
  /// An error names the first of the questions.
  std::vector<std::vector<RemovalScores>> run_pieces(std::size_t first, std::size_t last) {
    std::vector<RequestedPart> parts;
    for (auto p = first; p < last; ++p) parts.push_back({&jobs_[pieces_[p].question].request, pieces_[p].part});
    return naming_question(range_, range_.first + pieces_[first].question, [&] { return bound_->run_parts(parts); });
  }

  std::size_t questions_in(std::size_t first, std::size_t last) const {
    std::size_t count = 0;
    for (auto p = first; p < last; ++p) count += p + 1 == last || pieces_[p + 1].question != pieces_[p].question;
    return count;
  }

  std::vector<std::vector<RemovalScores>> assembled(const std::vector<std::vector<RemovalScores>>& computed) const {
    std::vector<std::vector<RemovalScores>> different(jobs_.size());
    for (std::size_t q = 0; q < jobs_.size(); ++q) {
      const auto& request = jobs_[q].request;
      for (std::size_t a = 0; a < request.answers.size(); ++a) {
        different[q].push_back({request.removals.size(), request.answers[a].size(), {}, {}});
        different[q].back().work.positions_naive = naive_positions(request, a);
      }
    }
    for (std::size_t p = 0; p < pieces_.size(); ++p) append(computed[p], different[pieces_[p].question]);
    std::vector<std::vector<RemovalScores>> results(jobs_.size());
    for (std::size_t q = 0; q < jobs_.size(); ++q)
      for (const auto a : jobs_[q].answer_of) results[q].push_back(by_token(given(different[q], a), jobs_[q].row_of));
    return results;
  }

  /// Adds a piece's rows to those of its question.
  static void append(const std::vector<RemovalScores>& piece, std::vector<RemovalScores>& results) {
    for (std::size_t a = 0; a < results.size(); ++a) {
      const auto& values = piece[a].log_probabilities;
      results[a].log_probabilities.insert(results[a].log_probabilities.end(), values.begin(), values.end());
      results[a].work += piece[a].work;
    }
  }

  /// What is given a second time cost nothing more, though naively it would have.
  static RemovalScores given(std::vector<RemovalScores>& different, std::size_t a) {
    if (a == Job::kNone) return {};
    auto result = different[a];
    different[a].work = {0, result.work.positions_naive, 0, 0};
    return result;
  }

  /// One row a token instead of one a unit.
  static RemovalScores by_token(RemovalScores result, const std::vector<std::size_t>& row_of) {
    if (result.log_probabilities.empty() || result.candidates == row_of.size()) return result;
    const auto by_unit = std::move(result.log_probabilities);
    const auto row = [&](std::size_t r) { return by_unit.begin() + static_cast<std::ptrdiff_t>(r * result.answer_tokens); };
    result.log_probabilities.assign(row(0), row(1));
    for (const auto r : row_of) result.log_probabilities.insert(result.log_probabilities.end(), row(r), row(r + 1));
    result.candidates = row_of.size();
    return result;
  }

  std::unique_ptr<BoundEngine> bound_;
  QuestionRange range_;
  std::vector<Job> jobs_;
  std::vector<Piece> pieces_;
};

}  // namespace

AttributionRequest removal_request(const AskedQuestion& question) {
  AttributionRequest request;
  request.prompt = question.prompt.ids;
  const auto bounds = unit_bounds(question.prompt, question.unit);
  for (std::size_t u = 0; u + 1 < bounds.size(); ++u) request.removals.push_back({bounds[u], bounds[u + 1]});
  return request;
}

std::vector<std::vector<RemovalScores>> deal_removals(const Communicator& group, const Transformer& model,
                                                      const LeaveOneOutEngine& engine, const QuestionRange& range) {
  return DealtRemovals(model, engine, range).run(group);
}

}  // namespace unpact
