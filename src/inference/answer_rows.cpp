#include "unpact/inference/answer_rows.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "encoder_decoder.hpp"
#include "next_tokens.hpp"
#include "prompt_reader.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/sequences.hpp"
#include "workspace.hpp"

namespace unpact {
namespace {

using Sequences = std::vector<std::vector<TokenId>>;

/// What runs: an answer's last token predicts nothing.
Sequences sequences_of(const std::vector<PromptAnswer>& items) {
  Sequences sequences;
  for (const auto& [prompt, answer] : items) {
    sequences.push_back(prompt);
    sequences.back().insert(sequences.back().end(), answer.begin(), answer.end() - 1);
  }
  return sequences;
}

std::vector<const std::vector<TokenId>*> pointers_to(const Sequences& sequences) {
  std::vector<const std::vector<TokenId>*> pointers;
  for (const auto& sequence : sequences) pointers.push_back(&sequence);
  return pointers;
}

/// Tokens asked after the positions of each node of a tree, which stand in `row`.
class AskedOfNodes {
 public:
  AskedOfNodes(const std::vector<PromptNode>& nodes, const std::vector<PromptAnswer>& items) : asked_(nodes.size()) {
    for (std::size_t n = 0; n < nodes.size(); ++n)
      for (const auto item : nodes[n].prompts) ask(nodes, n, item, items[item]);
    for (auto& of_node : asked_) std::ranges::stable_sort(of_node, {}, &AskedToken::row);
  }

  /// How many of a node's last tokens are scored.
  std::size_t scored(std::size_t node, std::size_t end) const {
    return asked_[node].empty() ? 0 : end - static_cast<std::size_t>(asked_[node].front().row);
  }

  /// Those of positions first .. first + rows - 1, at rows from `row` on.
  void append(const NodeStates& of, std::int64_t row, std::vector<AskedToken>& to) const {
    const auto& all = asked_[of.node];
    for (auto it = std::ranges::lower_bound(all, of.first, {}, &AskedToken::row);
         it != all.end() && it->row < of.first + of.rows; ++it) {
      to.push_back(*it);
      to.back().row += row - of.first;
    }
  }

 private:
  void ask(const std::vector<PromptNode>& nodes, std::size_t node, std::size_t item, const PromptAnswer& of) {
    const auto first = of.prompt.size() - 1;
    for (auto n = static_cast<std::int64_t>(node); n >= 0; n = nodes[static_cast<std::size_t>(n)].parent) {
      const auto& part = nodes[static_cast<std::size_t>(n)];
      if (part.end <= first) break;
      for (auto position = std::max(part.begin, first); position < part.end; ++position)
        asked_[static_cast<std::size_t>(n)].push_back(
            {static_cast<std::int64_t>(position), of.answer[position - first], item, position - first});
    }
  }

  std::vector<std::vector<AskedToken>> asked_;
};

void visit_packed(const Transformer& model, const std::vector<PromptAnswer>& items, std::uint64_t token_budget,
                  const VisitAnswers& visit) {
  const auto sequences = sequences_of(items);
  const auto pointers = pointers_to(sequences);
  PromptReader reader(model, pointers, token_budget);
  const AskedOfNodes asked(reader.nodes(), items);
  for (std::size_t n = 0; n < reader.nodes().size(); ++n) reader.score_last(n, asked.scored(n, reader.nodes()[n].end));
  reader.run([&](const std::vector<NodeStates>& of, const at::Tensor& hidden_UD) {
    std::vector<AskedToken> tokens;
    std::int64_t row = 0;
    for (const auto& states : of) {
      asked.append(states, row, tokens);
      row += states.rows;
    }
    visit(hidden_UD, tokens);
  });
}

/// By plain forward passes over right-padded batches, equal sequences once.
void visit_padded(const Transformer& model, const std::vector<PromptAnswer>& items, std::uint64_t token_budget,
                  const VisitAnswers& visit) {
  std::map<std::vector<TokenId>, std::vector<std::size_t>> items_of;
  const auto sequences = sequences_of(items);
  for (std::size_t i = 0; i < items.size(); ++i) items_of[sequences[i]].push_back(i);
  std::vector<std::vector<PromptNode>> nodes;  // one of each: a tree without branches
  for (auto& [sequence, same] : items_of) nodes.push_back({{same.front(), 0, sequence.size(), -1, same}});
  for (const auto& batch : pack_by_length(
           nodes.size(), [&](std::size_t i) { return nodes[i].front().end; }, token_budget)) {
    Sequences together;
    std::vector<std::int64_t> rows;
    std::vector<AskedToken> tokens;
    for (const auto i : batch) {
      const auto end = nodes[i].front().end, start = together.size() * nodes[batch.front()].front().end;
      const AskedOfNodes asked(nodes[i], items);
      const auto count = asked.scored(0, end);
      asked.append({0, static_cast<std::int64_t>(end - count), static_cast<std::int64_t>(count)},
                   static_cast<std::int64_t>(rows.size()), tokens);
      for (auto position = end - count; position < end; ++position)
        rows.push_back(static_cast<std::int64_t>(start + position));
      together.push_back(sequences[nodes[i].front().of]);
    }
    const auto hidden_BSD = model.hidden(pad_right(together, model.device()));
    visit(hidden_BSD.flatten(0, 1).index_select(0, to_tensor(rows, model.device())), tokens);
  }
}

}  // namespace

void for_answers(const Transformer& model, const std::vector<PromptAnswer>& items, std::uint64_t token_budget,
                 const VisitAnswers& visit) {
  check_items(model.config(), items);
  require_weights(model, "reading hidden states");
  if (items.empty()) return;
  const c10::InferenceMode guard;
  if (is_encoder_decoder(model.config())) return visit_encoder_decoder(model, items, token_budget, visit);
  if (model.reinforced() == nullptr) return visit_packed(model, items, token_budget, visit);
  visit_padded(model, items, token_budget == 0 ? kPaddedTokens : token_budget, visit);
}

void for_asked_logits(const Transformer& model, const at::Tensor& hidden_UD, std::span<const AskedToken> asked,
                      const VisitAskedLogits& visit) {
  Workspace workspace;
  for_logits(model, hidden_UD, workspace.slot(Workspace::logits),
             [&](std::int64_t begin, std::int64_t rows, const at::Tensor& logits_RV) {
               const auto end = std::ranges::lower_bound(asked, begin + rows, {}, &AskedToken::row) - asked.begin();
               std::vector<AskedToken> some(asked.begin(), asked.begin() + end);
               asked = asked.subspan(static_cast<std::size_t>(end));
               for (auto& one : some) one.row -= begin;
               if (!some.empty()) visit(logits_RV, some);
             });
}

std::vector<AnswerPart> parts_of_answers(const std::vector<PromptAnswer>& items) {
  const auto sequences = sequences_of(items);
  const auto nodes = prompt_tree(pointers_to(sequences));
  const AskedOfNodes asked(nodes, items);
  std::vector<AnswerPart> parts;
  for (std::size_t n = 0; n < nodes.size(); ++n)
    parts.push_back({nodes[n].begin, nodes[n].length(), asked.scored(n, nodes[n].end)});
  return parts;
}

}  // namespace unpact
