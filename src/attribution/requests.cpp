#include "requests.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// Where a forward pass over the sequence first leaves the finite numbers.
std::string first_broken_place(const Transformer& model, const std::vector<TokenId>& ids) {
  if (const auto* remote = remote_of(model)) return concat("at ", remote->name());
  if (is_encoder_decoder(model.config())) return "in the encoder or the decoder";
  if (model.reinforced() != nullptr) return "in one of the two models that answer together";
  const c10::InferenceMode guard;
  const auto tokens_1S = to_tensor(ids, model.device()).unsqueeze(0);
  const auto broken = [](const at::Tensor& x) { return !at::isfinite(x).all().item<bool>(); };
  if (broken(model.embed(tokens_1S))) return "first in the embedding";
  for (std::int64_t layer = 0; layer < model.config().layers; ++layer)
    if (broken(model.block_output(tokens_1S, layer))) return concat("first behind block ", layer);
  return "first behind the last block";
}

}  // namespace

std::vector<TokenSpan> single_tokens(std::size_t begin, std::size_t end) {
  std::vector<TokenSpan> spans;
  for (auto i = begin; i < end; ++i) spans.push_back({i, i + 1});
  return spans;
}

AttributionTask task_of(const Prompt& prompt, std::vector<TokenId> answer) {
  return {prompt.ids,
          prompt.candidate_begin,
          prompt.candidate_end,
          std::move(answer),
          unit_bounds(prompt, RemovalUnit::word),
          unit_bounds(prompt, RemovalUnit::sentence),
          &prompt};
}

AttributionRequest::AttributionRequest(const AttributionTask& task)
    : prompt(task.prompt), removals(single_tokens(task.candidate_begin, task.candidate_end)), answers({task.answer}) {
  UNPACT_EXPECT(task.candidate_begin <= task.candidate_end && task.candidate_end <= task.prompt.size());
}

TokenSpan span_of_row(const AttributionRequest& request, std::size_t row) {
  return row == 0 ? TokenSpan{} : request.removals[row - 1];
}

std::vector<TokenId> prompt_without(const AttributionRequest& request, const TokenSpan& removed) {
  auto ids = request.prompt;
  ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(removed.begin),
            ids.begin() + static_cast<std::ptrdiff_t>(removed.end));
  return ids;
}

void check_request(const ModelConfig& config, const AttributionRequest& request) {
  UNPACT_VALIDATE(!request.prompt.empty(), "the prompt is empty", "there is nothing to remove", "give a question");
  UNPACT_VALIDATE(!request.removals.empty(), "the prompt has no candidate tokens", "there is nothing to remove",
                  "give a question, or widen the candidates to the template");
  UNPACT_VALIDATE(!request.answers.empty(), "there is no answer", "there is nothing to score", "give an answer");
  std::size_t behind = 0;
  for (const auto& span : request.removals) {
    UNPACT_EXPECT(span.begin >= behind && span.begin < span.end && span.end <= request.prompt.size());
    behind = span.end;
    UNPACT_VALIDATE(span.size() < request.prompt.size(),
                    request.prompt.size() == 1 ? "the prompt is a single token" : "the prompt is a single span",
                    "without it the answer's first token would have nothing in front of it", "let the template add BOS");
  }
  for (const auto& answer : request.answers) {
    UNPACT_VALIDATE(!answer.empty(), "the answer is empty", "there is nothing to score", "give an answer");
    check_sequence(config, request.prompt, answer.size());
    check_sequence(config, answer, 0);
  }
}

std::vector<RemovalScores> empty_results(const AttributionRequest& request, const AttributionPart& part) {
  std::vector<RemovalScores> results(request.answers.size());
  for (std::size_t a = 0; a < results.size(); ++a) {
    results[a].candidates = request.removals.size();
    results[a].answer_tokens = request.answers[a].size();
    results[a].log_probabilities.reserve((part.last_row - part.first_row) * request.answers[a].size());
  }
  return results;
}

void check_finite(const Transformer& model, const AttributionRequest& request, const AttributionPart& part,
                  const std::vector<RemovalScores>& results) {
  for (std::size_t a = 0; a < results.size(); ++a) {
    const auto& values = results[a].log_probabilities;
    const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
    if (bad == values.end()) continue;
    const auto at = static_cast<std::size_t>(bad - values.begin());
    const auto row = part.first_row + at / results[a].answer_tokens;
    auto ids = prompt_without(request, span_of_row(request, row));
    ids.insert(ids.end(), request.answers[a].begin(), request.answers[a].end() - 1);
    throw RuntimeFailure("the model gives a log-probability that is not finite",
                         concat("answer token ", at % results[a].answer_tokens, ", removal ", row, " (0: none); ",
                                first_broken_place(model, ids)),
                         "inspect the checkpoint; an unlearned model may have diverged");
  }
}

std::uint64_t naive_positions(const AttributionRequest& request, std::size_t answer) {
  const std::uint64_t base = request.prompt.size() + request.answers.at(answer).size() - 1;
  std::uint64_t positions = base;
  for (const auto& span : request.removals) positions += base - span.size();
  return positions;
}

std::uint64_t naive_positions(const AttributionTask& task) { return naive_positions(AttributionRequest(task), 0); }

}  // namespace unpact
