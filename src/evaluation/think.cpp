#include "think.hpp"

#include <algorithm>
#include <utility>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

using Tokens = std::vector<TokenId>;

void append(Tokens& to, const Tokens& more) { to.insert(to.end(), more.begin(), more.end()); }

Tokens part(const Tokens& all, std::size_t first, std::size_t last) {
  return {all.begin() + static_cast<std::ptrdiff_t>(std::min(first, all.size())),
          all.begin() + static_cast<std::ptrdiff_t>(std::min(last, all.size()))};
}

/// The marks of one model, and how it is to think.
class Thinker {
 public:
  Thinker(const LanguageModel& model, const GenerationOptions& options)
      : model_(model), options_(options), begin_(encode_thought_begin(*model.tokenizer, model.prompt_template)),
        end_(encode_thought_end(*model.tokenizer, model.prompt_template)),
        empty_(encode_thought(*model.tokenizer, model.prompt_template, "")),
        limit_(static_cast<std::size_t>(options.longest_trace())) {}

  std::vector<OwnAnswer> run(const std::vector<GenerationRequest>& requests) const {
    std::vector<OwnAnswer> answers(requests.size());
    std::vector<std::size_t> thinking, answering;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const bool thought = holds_thought(requests[i].prompt);
      if (!thought && limit_ == 0) answers[i].thought = empty_;
      (thought || limit_ == 0 ? answering : thinking).push_back(i);
    }
    for (const auto i : think(requests, thinking, answers)) answering.push_back(i);
    std::ranges::sort(answering);
    answer(requests, answering, answers);
    for (auto& one : answers) finish(one);
    return answers;
  }

 private:
  bool holds_thought(const Tokens& prompt) const {
    return std::search(prompt.begin(), prompt.end(), empty_.ids.begin(), empty_.ids.end()) != prompt.end();
  }

  Thought closed(const Tokens& trace) const {
    Thought thought{begin_, begin_.size(), begin_.size() + trace.size()};
    append(thought.ids, trace);
    append(thought.ids, end_);
    return thought;
  }

  /// Room for the trace, its end and an answer. @return those that have to be answered yet.
  std::vector<std::size_t> think(const std::vector<GenerationRequest>& requests, const std::vector<std::size_t>& indices,
                                 std::vector<OwnAnswer>& answers) const {
    if (indices.empty()) return {};
    std::vector<GenerationRequest> opened;
    for (const auto i : indices) {
      opened.push_back(requests[i]);
      append(opened.back().prompt, begin_);
    }
    auto options = options_;
    options.max_new_tokens += static_cast<std::int64_t>(limit_ + end_.size());
    const auto written = generate(model_.transformer, opened, options);
    std::vector<std::size_t> open;
    for (std::size_t k = 0; k < indices.size(); ++k) {
      auto& one = answers[indices[k]];
      const auto cut = cut_thought(*model_.tokenizer, model_.prompt_template, written[k]);
      if (cut.closed && cut.trace_end <= limit_) {
        one.thought = {begin_, begin_.size(), begin_.size() + cut.trace_end};
        append(one.thought.ids, part(written[k], 0, cut.answer_begin));
        one.ids = part(written[k], cut.answer_begin, cut.answer_begin + static_cast<std::size_t>(options_.max_new_tokens));
        continue;
      }
      one.thought = closed(part(written[k], 0, limit_));
      one.forced = options_.thinking == Thinking::full;
      open.push_back(indices[k]);
    }
    return open;
  }

  void answer(const std::vector<GenerationRequest>& requests, const std::vector<std::size_t>& indices,
              std::vector<OwnAnswer>& answers) const {
    if (indices.empty()) return;
    std::vector<GenerationRequest> asked;
    for (const auto i : indices) {
      asked.push_back(requests[i]);
      append(asked.back().prompt, answers[i].thought.ids);
      if (limit_ > 0) asked.back().stream = random_bits(stream_of("answer"), asked.back().stream, 0);  // the thought drew
    }
    auto written = generate(model_.transformer, asked, options_);
    for (std::size_t k = 0; k < indices.size(); ++k) answers[indices[k]].ids = std::move(written[k]);
  }

  void finish(OwnAnswer& one) const {
    one.text = model_.text_of(one.ids);
    one.trace = trim(model_.tokenizer->decode(part(one.thought.ids, one.thought.trace_begin, one.thought.trace_end)));
  }

  const LanguageModel& model_;
  const GenerationOptions& options_;
  Tokens begin_, end_;
  Thought empty_;
  std::size_t limit_;
};

}  // namespace

std::size_t most_new_tokens(const PromptTemplate& prompt_template, const GenerationOptions& options) {
  return static_cast<std::size_t>(options.max_new_tokens + (thinks(prompt_template) ? options.longest_trace() : 0));
}

std::vector<OwnAnswer> think_and_answer(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                                        const GenerationOptions& options) {
  return Thinker(model, options).run(requests);
}

void say_forced(const std::vector<OwnAnswer>& answers, const std::vector<AskedQuestion>& questions,
                const GenerationOptions& options, const std::string& label) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> names;
  std::size_t forced = 0;
  for (std::size_t q = 0; q < answers.size(); ++q) {
    if (answers[q].forced == 0) continue;
    if (forced++ < kNamed) names.push_back(name_of_question(questions, q));
  }
  if (forced == 0 || log::rank() != 0) return;
  log::warn(concat(label, ": ", forced, " of ", answers.size(),
                   " thoughts had no end and were closed by force behind at most ", options.trace_tokens,
                   " tokens (generation.trace_tokens): ", join(names, ", "), forced > names.size() ? " and others" : ""));
}

std::vector<TokenId> prompt_of_gold(const AskedQuestion& asked) {
  auto ids = asked.prompt.ids;
  append(ids, asked.gold_thought.ids);
  return ids;
}

AskedQuestion behind_thought(const AskedQuestion& asked, const Thought& thought, bool attributes_trace) {
  auto changed = asked;
  auto& prompt = changed.prompt;
  if (attributes_trace && thought.trace_end > thought.trace_begin)
    prompt.candidate_end = prompt.ids.size() + thought.trace_end;
  append(prompt.ids, thought.ids);
  prompt.spans.resize(prompt.ids.size(), {prompt.text.size(), prompt.text.size()});
  changed.gold_thought = thought;
  return changed;
}

}  // namespace unpact
