#include "packed_generation.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "next_tokens.hpp"
#include "position_budget.hpp"
#include "prompt_states.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "workspace.hpp"

namespace unpact {
namespace {

std::vector<const std::vector<TokenId>*> prompts_of(const std::vector<GenerationRequest>& requests) {
  std::vector<const std::vector<TokenId>*> prompts;
  for (const auto& request : requests) prompts.push_back(&request.prompt);
  return prompts;
}

/// An answer to be made: where its prompt ends, and which requests it is for (greedy: all with this prompt).
struct Job {
  std::size_t node;
  std::vector<std::size_t> requests;
  Continuation answer = {};
  BlockTable table = {};
  std::int64_t length = 0, promised = 0;  ///< positions in the pool; blocks that it may still take
};

class PackedGenerator {
 public:
  PackedGenerator(const Transformer& model, const std::vector<GenerationRequest>& requests, const GenerationOptions& options)
      : model_(model), requests_(requests), options_(options), texts_(prompts_of(requests)), prompts_(texts_),
        jobs_(make_jobs()), pass_(model), pool_(model, blocks_wanted()), spare_(pool_.take()) {}

  std::vector<Continuation> run() {
    while (next_ < jobs_.size() || !running_.empty()) {
      admit();
      step();
    }
    std::vector<Continuation> answers(requests_.size());
    for (const auto& job : jobs_)
      for (const auto request : job.requests) answers[request] = job.answer;
    return answers;
  }

 private:
  std::vector<Job> make_jobs() {
    std::vector<Job> jobs;
    for (std::size_t n = 0; n < prompts_.nodes().size(); ++n) {
      const auto& same = prompts_.nodes()[n].prompts;
      if (!options_.sample && !same.empty()) jobs.push_back({n, same});
      for (std::size_t i = 0; options_.sample && i < same.size(); ++i) jobs.push_back({n, {same[i]}});
    }
    for (const auto& job : jobs) prompts_.expect(job.node);
    return jobs;
  }

  /// Blocks of an answer beside those that it shares with its prompt.
  std::int64_t blocks_of(const Job& job) const {
    const auto prompt = static_cast<std::int64_t>(prompts_.nodes()[job.node].end);
    return blocks_for(prompt + options_.max_new_tokens) - prompt / kernels::kBlockPositions;
  }

  /// The budget's, no more than answers that run together need, and enough for the longest alone; one is spare.
  std::int64_t blocks_wanted() const {
    std::int64_t all = 0, longest = 0;
    for (std::size_t n = 0; n < prompts_.nodes().size(); ++n) all += prompts_.blocks_of(n);
    for (const auto& job : jobs_) {
      auto alone = blocks_of(job);
      all += alone;
      for (const auto node : prompts_.missing(job.node)) alone += prompts_.blocks_of(node);
      longest = std::max(longest, alone);
    }
    const auto together = longest * static_cast<std::int64_t>(std::min(kMostSequences, jobs_.size()));
    return 1 + std::max(longest, std::min({blocks_of_budget(model_, options_.token_budget), all, together}));
  }

  /// How many waiting answers fit, and the parts of their prompts that are to be run for them.
  std::size_t count_fitting(std::vector<std::size_t>& to_run) const {
    std::set<std::size_t> claimed;
    auto room = pool_.free() - promised_;
    auto end = next_;
    for (; end < jobs_.size() && running_.size() + (end - next_) < kMostSequences; ++end) {
      auto need = blocks_of(jobs_[end]);
      std::vector<std::size_t> more;
      for (const auto node : prompts_.missing(jobs_[end].node))
        if (!claimed.contains(node)) more.push_back(node);
      for (const auto node : more) need += prompts_.blocks_of(node);
      if (need > room) break;
      room -= need;
      claimed.insert(more.begin(), more.end());
      to_run.insert(to_run.end(), more.begin(), more.end());
    }
    return end - next_;
  }

  /// Lets waiting answers begin, unless so few fit that their pass would read the weights for little.
  void admit() {
    std::vector<std::size_t> to_run;
    const auto count = count_fitting(to_run);
    UNPACT_EXPECT(count > 0 || next_ == jobs_.size() || !running_.empty());
    if (count == 0 || (count < running_.size() / 8 && next_ + count < jobs_.size())) return;
    prompts_.run(to_run, pass_, pool_, spare_, prompts_.keep());
    std::vector<std::size_t> begun;
    std::vector<at::Tensor> hidden;
    for (std::size_t i = 0; i < count; ++i, ++next_) {
      begun.push_back(next_);
      hidden.push_back(prompts_.hidden_D(jobs_[next_].node));
    }
    const auto goes = choose(begun, at::stack(hidden));
    for (std::size_t i = 0; i < begun.size(); ++i) {
      if (goes[i]) begin(begun[i]);
      prompts_.begun(jobs_[begun[i]].node, pool_);
    }
  }

  void begin(std::size_t index) {
    auto& job = jobs_[index];
    job.length = static_cast<std::int64_t>(prompts_.nodes()[job.node].end);
    const auto before = pool_.free();
    job.table = pool_.fork(prompts_.table(job.node), job.length);
    job.promised = blocks_of(job) - (before - pool_.free());
    promised_ += job.promised;
    running_.push_back(index);
  }

  /// The next token of every answer that runs.
  void step() {
    if (running_.empty()) return;
    for (const auto index : running_) {
      auto& job = jobs_[index];
      if (job.length % kernels::kBlockPositions == 0) {
        job.table.push_back(pool_.take());
        --job.promised;
        --promised_;
      }
      pass_.add({&job.answer.tokens.back(), 1}, job.length++, job.table, 1);
    }
    const auto goes = choose(running_, pass_.run(pool_, spare_));
    std::vector<std::size_t> still;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (goes[i]) still.push_back(running_[i]);
      else end(jobs_[running_[i]]);
    }
    running_ = std::move(still);
  }

  void end(Job& job) {
    pool_.hand_back(job.table);
    promised_ -= job.promised;
  }

  /// Adds a token to each of these answers. @return which go on.
  std::vector<bool> choose(const std::vector<std::size_t>& jobs, const at::Tensor& hidden_RD) {
    const auto chosen = next_tokens(model_, hidden_RD, options_, workspace_.slot(Workspace::logits), [&](std::size_t row) {
      const auto& job = jobs_[jobs[row]];
      return random_uniform(options_.seed, requests_[job.requests.front()].stream, job.answer.tokens.size());
    });
    std::vector<bool> goes;
    for (std::size_t i = 0; i < jobs.size(); ++i)
      goes.push_back(
          take_token(model_.config(), options_, chosen.ids[i], chosen.log_probabilities[i], jobs_[jobs[i]].answer));
    return goes;
  }

  const Transformer& model_;
  const std::vector<GenerationRequest>& requests_;
  const GenerationOptions& options_;
  std::vector<const std::vector<TokenId>*> texts_;
  PromptStates prompts_;
  std::vector<Job> jobs_;
  PoolPass pass_;
  KeyValuePool pool_;
  Workspace workspace_;
  std::int64_t spare_, promised_ = 0;
  std::size_t next_ = 0;
  std::vector<std::size_t> running_;
};

}  // namespace

std::vector<Continuation> continue_packed(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                          const GenerationOptions& options) {
  const c10::InferenceMode guard;
  return PackedGenerator(model, requests, options).run();
}

}  // namespace unpact
