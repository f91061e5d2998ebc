#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <list>
#include <optional>

#include "encoder_decoder.hpp"
#include "removal_plan.hpp"
#include "requests.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact {
namespace {

constexpr std::size_t kContexts = 2;  // those of a forget and of a retain set

/// What a store lacks of a prompt's beginning.
struct Missing {
  std::vector<TokenId> tokens;
  std::vector<std::int64_t> first_index;  ///< their rows in the table of first projections; empty: there is none
};

/// Keys and values of prompts' beginnings. The tokens in front of the removals (in-context examples, a system text) are
/// run by themselves, so that prompts that share them find them here, with the same bits whoever came first.
class PrefixCache {
 public:
  PrefixCache(const Transformer& model, PackedPass& pass, std::size_t budget)
      : model_(model), pass_(pass), budget_(static_cast<std::int64_t>(budget)) {}

  /// The store that prompt[0, length) belongs into; its beginning that is kept is in it.
  /// @param given tokens that may be shared. Adds to `work` what was not there.
  KeyValueStore& open(const AttributionRequest& request, std::size_t given, AttributionWork& work) {
    const auto& prompt = request.prompt;
    const auto context = given < kWorthKeeping ? 0 : given;
    const auto at = [&](std::size_t i) { return prompt.begin() + static_cast<std::ptrdiff_t>(i); };
    auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
      return e.context == context && e.tokens.size() >= context && std::equal(at(0), at(context), e.tokens.begin());
    });
    if (entry == entries_.end()) {
      if (entries_.size() == kContexts) entries_.pop_back();
      entries_.push_front({context, {at(0), at(context)}, KeyValueStore(model_)});
      entry = entries_.begin();
      if (context > 0) extend(entry->store, {entry->tokens, {}}, {}, work);
    }
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->store;
  }

  bool holds(const std::vector<TokenId>& prompt, std::size_t length) const {
    const auto& tokens = entries_.front().tokens;
    return tokens.size() == length && std::equal(tokens.begin(), tokens.end(), prompt.begin());
  }

  /// Cuts the store of open() to the context that is kept. @return what it lacks of prompt[0, length), which the caller runs.
  Missing make_room(const AttributionRequest& request, std::size_t length, const FirstProjections& first) {
    auto& entry = entries_.front();
    const auto begin = request.prompt.begin(), context = begin + static_cast<std::ptrdiff_t>(entry.context),
               end = begin + static_cast<std::ptrdiff_t>(length);
    entry.store.truncate(static_cast<std::int64_t>(entry.context));
    entry.tokens.assign(begin, end);
    Missing missing{{context, end}, {}};
    UNPACT_EXPECT(entry.context >= table_begin(request));
    for (auto i = entry.context; first.query_MHd.defined() && i < length; ++i)
      missing.first_index.push_back(static_cast<std::int64_t>(i - table_begin(request)));
    return missing;
  }

  void extend(KeyValueStore& store, const Missing& missing, const FirstProjections& first, AttributionWork& work) {
    const auto& tokens = missing.tokens;
    pass_.extend(store, tokens, budget_, first, missing.first_index);
    work.positions += tokens.size();
    work.model_calls += (tokens.size() + static_cast<std::size_t>(budget_) - 1) / static_cast<std::size_t>(budget_);
  }

 private:
  struct Entry {
    std::size_t context;
    std::vector<TokenId> tokens;  ///< of the store; the first `context` are kept
    KeyValueStore store;
  };

  const Transformer& model_;
  PackedPass& pass_;
  std::int64_t budget_;
  std::list<Entry> entries_;  // the last used first
};

class BoundSharedPrefix : public BoundEngine {
 public:
  BoundSharedPrefix(const Transformer& model, std::size_t budget)
      : model_(model), budget_(budget), pass_(model), cache_(model, pass_, budget) {}

  std::vector<AttributionPart> parts(const AttributionRequest& request) const override {
    check_request(model_.config(), request);
    return plan_parts(request, plan_rows(request), budget_);
  }

  std::vector<AttributionPart> finer_parts(const AttributionRequest& request, std::size_t pieces) const override {
    check_request(model_.config(), request);
    const std::size_t worth_a_pass = model_.device().is_cpu() ? 32 : 256;  // fewer rows read the weights for too little
    return plan_parts(request, plan_rows(request), budget_, {pieces, worth_a_pass});
  }

  std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) override {
    const c10::InferenceMode guard;
    const auto rows = plan_rows(request);
    const auto planned = plan_pass(request, rows, part, uses_table());
    auto results = empty_results(request, part);
    auto& work = results.front().work;
    project_first(request);
    const auto length = std::max(request.removals.front().begin, rows.front().prefix);
    const bool is_whole = part.first_row == 0 && part.last_row == rows.size();
    const auto hidden_UD = run_rows(request, length, is_whole, planned.rows, work);
    work.positions += planned.rows.tokens.size();
    work.model_calls += 1;
    work.logit_rows += static_cast<std::uint64_t>(hidden_UD.size(0));
    score(request, rows, part, planned, hidden_UD, results);
    check_finite(model_, request, part, results);
    return results;
  }

 private:
  /// Runs the rows behind prompt[0, length). A request of one part brings that along in the same pass; its bits must not depend
  /// on what the cache happens to hold, so it does always.
  at::Tensor run_rows(const AttributionRequest& request, std::size_t length, bool is_whole, const PackedRows& rows,
                      AttributionWork& work) {
    auto& store = cache_.open(request, request.removals.front().begin, work);
    const bool together = is_whole && length + rows.tokens.size() <= budget_;
    if (!together && cache_.holds(request.prompt, length)) return pass_.run(rows, store, first_);
    const auto missing = cache_.make_room(request, length, first_);
    if (together) {
      work.positions += missing.tokens.size();
      return pass_.run_behind(missing.tokens, store, rows, first_, missing.first_index);
    }
    cache_.extend(store, missing, first_, work);
    return pass_.run(rows, store, first_);
  }

  bool uses_table() const { return model_.config().block.positions == PositionKind::rotary; }

  /// The table of the request's tokens, kept while its parts follow each other.
  void project_first(const AttributionRequest& request) {
    if (!uses_table()) return;
    auto tokens = table_tokens(request);
    if (tokens == table_tokens_) return;
    first_ = pass_.project_first(tokens);
    table_tokens_ = std::move(tokens);
  }

  void score(const AttributionRequest& request, const std::vector<PlannedRow>& rows, const AttributionPart& part,
             const PlannedPass& planned, const at::Tensor& hidden_UD, std::vector<RemovalScores>& results) const {
    std::vector<std::int64_t> hidden_rows, targets;
    for (const auto& scored : planned.scored) {
      for (const auto& token : scored) {
        hidden_rows.push_back(token.hidden_row);
        targets.push_back(token.target);
      }
    }
    const auto values = chosen_log_probabilities(model_, hidden_UD, hidden_rows, targets);
    auto next = values.begin();
    for (std::size_t a = 0; a < results.size(); ++a) {
      auto& out = results[a].log_probabilities;
      const auto T = static_cast<std::ptrdiff_t>(request.answers[a].size());
      for (auto r = part.first_row; r < part.last_row; ++r) {
        if (rows[r].same_as_previous) {
          const std::vector<float> same(out.end() - T, out.end());
          out.insert(out.end(), same.begin(), same.end());
        } else {
          out.insert(out.end(), next, next + T);
          next += T;
        }
      }
    }
  }

  const Transformer& model_;
  std::size_t budget_;
  PackedPass pass_;
  PrefixCache cache_;
  std::vector<TokenId> table_tokens_;
  FirstProjections first_;
};

}  // namespace

bool SharedPrefixEngine::is_reference_for(const Transformer& model) const {
  return model.reinforced() != nullptr || remote_of(model) != nullptr;
}

std::unique_ptr<BoundEngine> SharedPrefixEngine::open(const Transformer& model) const {
  if (is_encoder_decoder(model.config())) return open_encoder_decoder(model, /*together=*/true, token_budget_);
  if (is_reference_for(model)) return ReferenceEngine().open(model);  // a packed pass runs one model
  return std::make_unique<BoundSharedPrefix>(model, token_budget_ > 0 ? token_budget_ : chosen_token_budget(model));
}

std::size_t chosen_token_budget(const Transformer& model) {
  constexpr std::uint64_t fewest = 16;
  const auto device = model.device();
  const std::uint64_t most = device.is_cpu() ? 4096 : 32768, share = device.is_cpu() ? 16 : 4;
  const auto rows = available_memory(device) / share / static_cast<std::uint64_t>(PackedPass::bytes_a_row(model));
  UNPACT_VALIDATE(rows >= fewest, "there is no memory left to attribute in",
                  concat(available_memory(device) >> 20, " MiB are free, one position of this model needs ",
                         PackedPass::bytes_a_row(model), " bytes"),
                  "use fewer ranks a node or a smaller model, or set attribution.token_budget");
  return static_cast<std::size_t>(std::min(rows, most));
}

}  // namespace unpact
