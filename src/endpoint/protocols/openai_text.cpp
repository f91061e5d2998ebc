// OpenAI's older completions of servers that take text alone, llama-cpp-python's among them: echo with logprobs, where tokens
// are texts and text_offset says at which character each begins. The ids' text is sent, one a request; the server cuts it
// itself, and puts BOS in front where its model wants one. What it says of the answer is found from the end, since it may
// have tokens that no text shows.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "../protocol.hpp"
#include "../reply.hpp"
#include "completions.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/utf8.hpp"

namespace unpact {
namespace {

/// What every server writes alike: some drop a token's space, and parts of a character can be anything.
std::string visible_ascii(std::string_view text) {
  std::string visible;
  std::copy_if(text.begin(), text.end(), std::back_inserter(visible), [](char c) { return c > ' ' && c < 0x7f; });
  return visible;
}

/// The server's tokens of the text that it was sent.
struct Echo {
  std::vector<std::string> texts;
  std::vector<std::size_t> begins;  ///< characters in front of each, and of all
  const Json* values = nullptr;
  const Json* tops = nullptr;
  std::size_t size() const { return texts.size(); }
  std::string text_from(std::size_t first) const {
    std::string text;
    for (auto i = first; i < size(); ++i) text += texts[i];
    return text;
  }
};

std::size_t count_of(const Json& json, const char* what) {
  if (!json.is_number_integer() || json.get<std::int64_t>() < 0) reply::refuse(concat("it has no number '", what, "'"));
  return json.get<std::size_t>();
}

/// How many of the echoed tokens were written, and not sent.
std::size_t written_in(const Json& reply) {
  return count_of(reply::field(reply::field(reply, "usage"), "completion_tokens"), "usage.completion_tokens");
}

Echo read_echo(const Json& reply) {
  const auto& needs = protocol_of(EndpointKind::openai_text).needs;
  const auto& logprobs = reply::field(*reply::choices_in_order(reply, 1).front(), "logprobs");
  Echo echo;
  echo.values = &reply::field(logprobs, "token_logprobs");
  echo.tops = &reply::field(logprobs, "top_logprobs");
  if (echo.values->is_null()) reply::refuse("it has no log-probabilities of the prompt", needs);
  const auto& tokens = reply::list(reply::field(logprobs, "tokens"), "logprobs.tokens");
  const auto& offsets = reply::list(reply::field(logprobs, "text_offset"), "logprobs.text_offset");
  const auto written = written_in(reply);
  if (!echo.values->is_array() || echo.values->size() != tokens.size() || offsets.size() != tokens.size())
    reply::refuse("its lists of tokens, offsets and log-probabilities are not equally long");
  if (tokens.size() <= written) reply::refuse("it has log-probabilities of what it wrote alone", needs);
  for (std::size_t i = 0; i + written < tokens.size(); ++i) {
    if (!tokens[i].is_string()) reply::refuse("a token is no text");
    echo.texts.push_back(tokens[i].get<std::string>());
    echo.begins.push_back(count_of(offsets[i], "logprobs.text_offset"));
    if (i > 0 && echo.begins[i] < echo.begins[i - 1]) reply::refuse("its text offsets do not ascend");
  }
  const auto last = echo.begins.back() + count_characters(echo.texts.back());
  echo.begins.push_back(written > 0 ? std::max(count_of(offsets[echo.size()], "logprobs.text_offset"), echo.begins.back())
                                    : last);
  return echo;
}

class OpenAiText : public Protocol {
 public:
  explicit OpenAiText(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
    for (const auto& [id, text] : tokenizer.special_tokens()) specials_[id] = text;
  }

  HttpRequest score(const std::string& model, std::span<const ScoredIds> sequences) const override {
    UNPACT_EXPECT(sequences.size() == 1);
    return echo_of(model, text_of(sequences.front().ids));
  }

  std::vector<IdScores> read_scores(const Json& reply, std::span<const ScoredIds> sequences) const override {
    UNPACT_EXPECT(sequences.size() == 1);
    const auto& [ids, scored] = sequences.front();
    const auto echo = read_echo(reply);
    const auto begins = begins_of(ids, scored);
    const auto whole = text_of(ids), prompt = text_of({ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(scored)});
    const auto answer = whole.substr(std::min(whole.size(), prompt.size()));
    // As many tokens as here with the same text: they are the same, one by one.
    if (echo.size() > scored && visible_ascii(echo.text_from(echo.size() - scored)) == visible_ascii(answer))
      return {one_by_one(echo, scored)};
    return {by_offsets(echo, begins, answer)};
  }

  HttpRequest answer(const std::string& model, std::span<const RemotePrompt> prompts, const RemoteSampling& sampling,
                     const std::vector<TokenId>&) const override {
    UNPACT_EXPECT(prompts.size() == 1);
    Json body = {{"model", model}, {"prompt", text_of(prompts.front().ids)}, {"max_tokens", sampling.max_new_tokens}};
    body["temperature"] = sampling.sample ? sampling.temperature : 0;
    body["top_p"] = sampling.sample ? sampling.top_p : 1;
    if (sampling.sample) body["seed"] = prompts.front().seed;
    return {completions::kPath, body.dump()};
  }

  /// Cut by the tokenizer here; nobody says which ids they were there.
  std::vector<std::vector<TokenId>> read_answers(const Json& reply, std::size_t prompts) const override {
    std::vector<std::vector<TokenId>> answers;
    for (const auto* choice : reply::choices_in_order(reply, prompts)) {
      const auto& text = reply::field(*choice, "text");
      if (!text.is_string()) reply::refuse("it has no text");
      const auto& written = text.get_ref<const std::string&>();
      answers.push_back(written.empty() ? std::vector<TokenId>()
                                        : tokenizer_.encode_continuation_around(written, {{0, written.size()}}));
    }
    return answers;
  }

  HttpRequest encode(const std::string& model, const std::string& text) const override { return echo_of(model, text); }
  std::optional<std::vector<TokenId>> read_encoding(const Json&) const override { return std::nullopt; }
  std::optional<std::size_t> read_count(const Json& reply) const override {
    const auto& count = reply::field(reply::field(reply, "usage"), "prompt_tokens");
    return count.is_number_integer() && count.get<std::int64_t>() >= 0 ? std::optional(count.get<std::size_t>())
                                                                       : std::nullopt;
  }

 private:
  static HttpRequest echo_of(const std::string& model, const std::string& text) {
    Json body = {{"model", model}, {"prompt", text}, {"logprobs", 1}, {"echo", true}};
    completions::ask_one_token(body);
    return {completions::kPath, body.dump()};
  }

  /// Without a BOS in front, which the server puts there; other special tokens by name.
  std::string text_of(const std::vector<TokenId>& ids) const {
    std::string text;
    std::vector<TokenId> run;
    const auto end_run = [&] {
      text += tokenizer_.decode(run);
      run.clear();
    };
    for (std::size_t i = ids.empty() || tokenizer_.bos_id() != ids.front() ? 0 : 1; i < ids.size(); ++i) {
      const auto special = specials_.find(ids[i]);
      if (special == specials_.end()) {
        run.push_back(ids[i]);
        continue;
      }
      end_run();
      text += special->second;
    }
    end_run();
    return text;
  }

  /// Characters of the answer in front of each scored id, then all of them.
  std::vector<std::size_t> begins_of(const std::vector<TokenId>& ids, std::size_t scored) const {
    std::vector<std::size_t> begins;
    for (auto length = ids.size() - scored; length <= ids.size(); ++length)
      begins.push_back(count_characters(text_of({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length)})));
    const auto first = begins.front();
    for (auto& begin : begins) begin -= std::min(begin, first);
    return begins;
  }

  static IdScores one_by_one(const Echo& echo, std::size_t scored) {
    IdScores scores;
    for (auto i = echo.size() - scored; i < echo.size(); ++i) {
      scores.log_probabilities.push_back(reply::log_probability((*echo.values)[i]));
      if (!echo.tops->is_array() || echo.tops->size() <= i || !(*echo.tops)[i].is_object() || (*echo.tops)[i].empty())
        continue;
      const auto& top = (*echo.tops)[i];
      scores.is_likeliest.push_back(std::none_of(top.begin(), top.end(), [&](const Json& value) {
        return value.is_number() && value.get<float>() > scores.log_probabilities.back();
      }));
    }
    if (scores.is_likeliest.size() != scored) scores.is_likeliest.clear();
    return scores;
  }

  /// The answer is cut otherwise there: each of its tokens counts for the token here in which it begins, so that their sum is
  /// the answer's. One that begins in front of the answer and reaches into it counts for the first.
  static IdScores by_offsets(const Echo& echo, const std::vector<std::size_t>& begins, const std::string& answer) {
    const auto all = echo.begins.back(), answer_begin = all - std::min(all, begins.back());
    std::size_t first = 0;
    while (first < echo.size() && echo.begins[first] < answer_begin && echo.begins[first + 1] <= answer_begin) ++first;
    const auto wanted = visible_ascii(answer), found = visible_ascii(echo.text_from(first)),
               behind = visible_ascii(echo.text_from(std::min(first + 1, echo.size())));
    if (first == echo.size() || !std::string_view(found).ends_with(wanted) || behind.size() > wanted.size())
      reply::refuse(
          concat("its text offsets do not fit its tokens: where the answer should stand is '", shortened(found), "'"),
          "use a server whose text_offset counts the characters of the text, or a kind that takes ids");
    IdScores scores;
    scores.log_probabilities.assign(begins.size() - 1, 0);
    for (auto i = first; i < echo.size(); ++i) {
      const auto at = echo.begins[i] - std::min(echo.begins[i], answer_begin);
      const auto next = std::upper_bound(begins.begin() + 1, begins.end() - 1, at);
      scores.log_probabilities[static_cast<std::size_t>(next - begins.begin()) - 1] +=
          reply::log_probability((*echo.values)[i]);
    }
    return scores;
  }

  const Tokenizer& tokenizer_;
  std::map<TokenId, std::string> specials_;
};

}  // namespace

std::unique_ptr<const Protocol> make_openai_text(const Tokenizer& tokenizer) {
  return std::make_unique<OpenAiText>(tokenizer);
}

}  // namespace unpact
