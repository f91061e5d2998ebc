#include "remote_engine.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "requests.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

/// Rows of the smallest part that is worth a request.
constexpr std::size_t kFewestRows = 16;

/// Sequences of one call, equal ones once.
class Sequences {
 public:
  /// @return where its scores will stand.
  std::size_t add(ScoredIds sequence) {
    const auto [at, is_new] = places_.try_emplace({sequence.scored, sequence.ids}, asked_.size());
    if (is_new) asked_.push_back(std::move(sequence));
    return at->second;
  }
  std::size_t size() const { return asked_.size(); }
  std::vector<IdScores> ask(const RemoteModel& remote) const { return remote.score(asked_); }

 private:
  std::map<std::pair<std::size_t, std::vector<TokenId>>, std::size_t> places_;
  std::vector<ScoredIds> asked_;
};

ScoredIds sequence_of(const AttributionRequest& request, std::size_t row, const std::vector<TokenId>& answer) {
  ScoredIds sequence{prompt_without(request, span_of_row(request, row)), answer.size()};
  sequence.ids.insert(sequence.ids.end(), answer.begin(), answer.end());
  return sequence;
}

class BoundRemote : public BoundEngine {
 public:
  explicit BoundRemote(const Transformer& model) : model_(model), remote_(*remote_of(model)) {}

  std::vector<AttributionPart> parts(const AttributionRequest& request) const override { return finer_parts(request, 1); }

  std::vector<AttributionPart> finer_parts(const AttributionRequest& request, std::size_t pieces) const override {
    check_request(model_.config(), request);
    const auto rows = request.removals.size() + 1;
    const auto each = std::max(kFewestRows, (rows + pieces - 1) / std::max<std::size_t>(1, pieces));
    std::vector<AttributionPart> parts;
    for (std::size_t first = 0; first < rows; first += each) {
      AttributionPart part{first, std::min(rows, first + each), 0};
      for (auto row = part.first_row; row < part.last_row; ++row)
        for (const auto& answer : request.answers)
          part.positions += request.prompt.size() - span_of_row(request, row).size() + answer.size() - 1;
      parts.push_back(part);
    }
    return parts;
  }

  std::size_t parts_together() const override { return kRemoteQuestions; }

  std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) override {
    return run_parts({{&request, part}}).front();
  }

  std::vector<std::vector<RemovalScores>> run_parts(const std::vector<RequestedPart>& parts) override {
    Sequences sequences;
    std::vector<std::vector<RemovalScores>> results;
    std::vector<std::size_t> places;  // of every row of every part, answers inside of rows
    for (const auto& [request, part] : parts) {
      auto& scores = results.emplace_back(empty_results(*request, part));
      for (auto row = part.first_row; row < part.last_row; ++row)
        for (std::size_t a = 0; a < request->answers.size(); ++a) {
          const auto before = sequences.size();
          auto sequence = sequence_of(*request, row, request->answers[a]);
          const auto length = sequence.ids.size();
          places.push_back(sequences.add(std::move(sequence)));
          if (sequences.size() > before) scores[a].work += {length - 1, 0, 1, request->answers[a].size()};
        }
    }
    const auto found = sequences.ask(remote_);
    auto place = places.begin();
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const auto& [request, part] = parts[p];
      for (auto row = part.first_row; row < part.last_row; ++row)
        for (auto& scores : results[p]) {
          const auto& values = found.at(*place++).log_probabilities;
          scores.log_probabilities.insert(scores.log_probabilities.end(), values.begin(), values.end());
        }
      check_finite(model_, *request, part, results[p]);
    }
    return results;
  }

 private:
  const Transformer& model_;
  const RemoteModel& remote_;
};

void add_means(const RemoteModel& remote, const std::vector<ScoredIds>& asked, const std::vector<std::size_t>& rows,
               std::vector<std::vector<double>>& scores) {
  const auto found = remote.score(asked);
  for (std::size_t i = 0; i < rows.size(); ++i)
    scores[rows[i]].push_back(mean_log_probability(found.at(i).log_probabilities));
}

}  // namespace

std::unique_ptr<BoundEngine> open_remote_engine(const Transformer& model) { return std::make_unique<BoundRemote>(model); }

std::vector<std::vector<double>> scores_by_remote(const RemoteModel& remote, const AttributionRequest& request,
                                                  const std::vector<TokenSpan>& removals) {
  auto few = request;
  few.removals = removals;
  std::vector<ScoredIds> together, twice;
  std::vector<std::size_t> rows, reversed;
  for (std::size_t row = 0; row <= removals.size(); ++row) {
    together.push_back(sequence_of(few, row, few.answers.front()));
    rows.push_back(row);
  }
  for (auto row = rows.size(); row-- > 0;)
    for (int again = 0; again < 2; ++again) {
      twice.push_back(together[row]);
      reversed.push_back(row);
    }
  std::vector<std::vector<double>> scores(rows.size());
  for (const auto row : rows) add_means(remote, {together[row]}, {row}, scores);
  add_means(remote, together, rows, scores);
  add_means(remote, twice, reversed, scores);
  return scores;
}

std::vector<double> mean_scores_by_remote(const RemoteModel& remote, const std::vector<std::vector<TokenId>>& prompts,
                                          const std::vector<TokenId>& answer) {
  std::vector<ScoredIds> asked;
  for (const auto& prompt : prompts) {
    asked.push_back({prompt, answer.size()});
    asked.back().ids.insert(asked.back().ids.end(), answer.begin(), answer.end());
  }
  std::vector<double> means;
  for (const auto& scores : remote.score(asked)) means.push_back(mean_log_probability(scores.log_probabilities));
  return means;
}

}  // namespace unpact
