#include "removal_plan.hpp"

#include <algorithm>

#include "requests.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Removing either of two equal neighbours gives the same sequence.
bool equal_neighbours(const std::vector<TokenId>& prompt, const TokenSpan& a, const TokenSpan& b) {
  return a.end == b.begin && a.size() == b.size() &&
         std::equal(prompt.begin() + static_cast<std::ptrdiff_t>(a.begin),
                    prompt.begin() + static_cast<std::ptrdiff_t>(a.end),
                    prompt.begin() + static_cast<std::ptrdiff_t>(b.begin));
}

/// Positions that a row runs: the rest of the prompt once, and each answer without its last token.
std::size_t cost_of(const AttributionRequest& request, const PlannedRow& row) {
  if (row.same_as_previous) return 0;
  auto cost = row.remaining - row.prefix;
  for (const auto& answer : request.answers) cost += answer.size() - 1;
  return cost;
}

/// Builds the packed rows of a pass, sequence by sequence.
class PassBuilder {
 public:
  PassBuilder(const AttributionRequest& request, bool with_table)
      : request_(request), with_table_(with_table), table_begin_(table_begin(request)) {
    pass_.scored.resize(request.answers.size());
    std::size_t offset = request.prompt.size() - table_begin_;
    for (const auto& answer : request.answers) {
      answer_offset_.push_back(offset);
      offset += answer.size();
    }
  }

  /// The rest of the prompt with the first answer behind it, then the other answers, each behind the same rest.
  void add(const PlannedRow& row) {
    PackedSegment trunk;
    trunk.begin = size();
    trunk.prefix = static_cast<std::int64_t>(row.prefix);
    for (auto kept = row.prefix; kept < row.remaining; ++kept) {
      const auto position = kept < row.removed.begin ? kept : kept + row.removed.size();
      push(request_.prompt[position], position - table_begin_);
    }
    const auto rest = size() - trunk.begin;
    const auto predicts_first = hidden_rows_;
    push_answer(0);
    trunk.rows = size() - trunk.begin;
    trunk.scored = static_cast<std::int64_t>(request_.answers[0].size());
    pass_.rows.segments.push_back(trunk);
    score(0, predicts_first, predicts_first + 1);
    hidden_rows_ += trunk.scored;
    for (std::size_t a = 1; a < request_.answers.size(); ++a) add_branch(a, trunk, rest, predicts_first);
  }

  PlannedPass take() { return std::move(pass_); }

 private:
  void add_branch(std::size_t a, const PackedSegment& trunk, std::int64_t rest, std::int64_t predicts_first) {
    score(a, predicts_first, hidden_rows_);
    PackedSegment branch;
    branch.begin = size();
    branch.prefix = trunk.prefix;
    branch.parent_begin = trunk.begin;
    branch.parent_rows = rest;
    push_answer(a);
    branch.rows = branch.scored = size() - branch.begin;
    if (branch.rows == 0) return;  // its only token follows from the prompt
    pass_.rows.segments.push_back(branch);
    hidden_rows_ += branch.scored;
  }

  std::int64_t size() const { return static_cast<std::int64_t>(pass_.rows.tokens.size()); }

  void push(TokenId id, std::size_t table_row) {
    pass_.rows.tokens.push_back(id);
    if (with_table_) pass_.rows.first_index.push_back(static_cast<std::int64_t>(table_row));
  }

  void push_answer(std::size_t a) {
    const auto& answer = request_.answers[a];
    for (std::size_t k = 0; k + 1 < answer.size(); ++k) push(answer[k], answer_offset_[a] + k);
  }

  void score(std::size_t a, std::int64_t first, std::int64_t others) {
    const auto& answer = request_.answers[a];
    pass_.scored[a].push_back({first, answer[0]});
    for (std::size_t k = 1; k < answer.size(); ++k)
      pass_.scored[a].push_back({others + static_cast<std::int64_t>(k) - 1, answer[k]});
  }

  const AttributionRequest& request_;
  bool with_table_;
  std::size_t table_begin_;
  std::vector<std::size_t> answer_offset_;
  std::int64_t hidden_rows_ = 0;
  PlannedPass pass_;
};

}  // namespace

std::vector<PlannedRow> plan_rows(const AttributionRequest& request) {
  const auto& removals = request.removals;
  std::vector<PlannedRow> rows;
  const auto add = [&](const TokenSpan& removed, std::size_t behind) {
    const auto remaining = request.prompt.size() - removed.size();
    rows.push_back({removed, std::min(behind, remaining - 1), remaining, false});
  };
  add({}, removals.back().begin);
  for (std::size_t i = 0; i < removals.size(); ++i) {
    add(removals[i], removals[i].begin);
    rows.back().same_as_previous = i > 0 && equal_neighbours(request.prompt, removals[i - 1], removals[i]);
  }
  return rows;
}

std::vector<AttributionPart> plan_parts(const AttributionRequest& request, const std::vector<PlannedRow>& rows,
                                        std::size_t budget, const Cut& cut) {
  UNPACT_EXPECT(budget > 0 && cut.worth_a_pass > 0);
  std::uint64_t total = 0;
  for (const auto& row : rows) total += cost_of(request, row);
  const auto needed = (total + budget - 1) / budget;
  const auto passes = std::max<std::uint64_t>(needed, std::min<std::uint64_t>(cut.pieces, total / cut.worth_a_pass));
  const auto fair = (total + passes - 1) / passes;
  std::vector<AttributionPart> parts;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto cost = cost_of(request, rows[r]);
    const bool full =
        !parts.empty() && cost > 0 && (parts.back().positions >= fair || parts.back().positions + cost > budget);
    if (parts.empty() || full) parts.push_back({r, r, 0});
    parts.back().last_row = r + 1;
    parts.back().positions += cost;
  }
  return parts;
}

std::size_t table_begin(const AttributionRequest& request) {
  // A removal at the prompt's end runs the token in front of it.
  const auto first = request.removals.front().begin;
  return first < kWorthKeeping ? 0 : first - 1;
}

std::vector<TokenId> table_tokens(const AttributionRequest& request) {
  std::vector<TokenId> tokens(request.prompt.begin() + static_cast<std::ptrdiff_t>(table_begin(request)),
                              request.prompt.end());
  for (const auto& answer : request.answers) tokens.insert(tokens.end(), answer.begin(), answer.end());
  return tokens;
}

PlannedPass plan_pass(const AttributionRequest& request, const std::vector<PlannedRow>& rows, const AttributionPart& part,
                      bool with_table) {
  PassBuilder builder(request, with_table);
  for (auto r = part.first_row; r < part.last_row; ++r)
    if (!rows[r].same_as_previous) builder.add(rows[r]);
  return builder.take();
}

}  // namespace unpact
