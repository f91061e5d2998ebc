#include <algorithm>
#include <fstream>
#include <iostream>

#include "jobs/ask/open_models.hpp"
#include "jobs/ask/token_strip.hpp"
#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/method.hpp"
#include "jobs/job_table.hpp"
#include "unpact/campaign/endpoints.hpp"
#include "unpact/campaign/pin_dtypes.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/kernels/tf32_products.hpp"

namespace unpact {
namespace {

struct Asked {
  std::string prompt, answer;  ///< answer empty: each model's own
  std::string error;           ///< why this input line cannot be used
  std::size_t line = 0;
};

/// What one model says to one prompt.
struct Reply {
  std::string answer, own_answer;
  std::vector<TokenId> answer_ids;
  std::vector<float> answer_log_probabilities;
  Attribution attribution;
  std::vector<std::uint8_t> keys, uncertain;
};

/// How a prompt is attributed.
struct Attributing {
  std::unique_ptr<AttributionMethod> method;
  std::vector<double> noise_floor;  ///< one a model
};

std::vector<Asked> read_lines(std::istream& in) {
  constexpr std::size_t max_line = 1 << 20;
  std::vector<Asked> asked;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (trim(text).empty()) continue;
    Asked item{{}, {}, {}, number};
    try {
      UNPACT_VALIDATE(text.size() <= max_line, "the line is too long", concat(text.size(), " bytes"),
                      "one JSON object a line");
      const std::string where = "the input";  // its number is said with every message
      const auto json = parse_json(text, where, 8);
      item.prompt = require_string(json, "prompt", where);
      item.answer = string_or(json, "answer", "", where);
    } catch (const UserError& error) {
      item.error = concat(error.problem(), ": ", error.reason());
    }
    asked.push_back(std::move(item));
  }
  return asked;
}

std::vector<Asked> read_input(const AskOptions& options) {
  if (options.input.empty()) return {{options.prompt, options.answer, "", 0}};
  if (options.input == "-") return read_lines(std::cin);
  std::ifstream in(options.input);
  UNPACT_VALIDATE(in.is_open(), concat("cannot read ", options.input), "there is no such file",
                  "check the path, or use - for standard input");
  return read_lines(in);
}

/// Asks and attributes on this rank alone.
Reply ask_one(const LanguageModel& model, const Prompt& prompt, const std::string& given, const Attributing& attributing,
              double noise_floor, std::uint64_t item, const Configuration& c) {
  Reply reply;
  const auto own = generate(model.transformer, {{prompt.ids, 0}}, c.generation).front();
  reply.own_answer = model.text_of(own);
  reply.answer_ids = given.empty() ? own : encode_answer(*model.tokenizer, model.prompt_template, given);
  reply.answer = given.empty() ? reply.own_answer : given;
  if (reply.answer_ids.empty() || prompt.candidate_begin == prompt.candidate_end) return reply;
  reply.attribution = attributing.method->run(model.transformer, task_of(prompt, reply.answer_ids), item);
  const auto& matrix = reply.attribution.log_probabilities;
  if (matrix.empty()) {
    reply.answer_log_probabilities = score_answers(model.transformer, {{prompt.ids, reply.answer_ids}}).front();
  } else {
    reply.answer_log_probabilities.assign(matrix.begin(),
                                          matrix.begin() + static_cast<std::ptrdiff_t>(reply.answer_ids.size()));
  }
  const auto& values = reply.attribution.values;
  reply.keys = find_key_tokens(values, c.attribution.keys);
  reply.uncertain = find_uncertain_key_tokens(values, reply.attribution.standard_errors, c.attribution.keys,
                                              is_in_nats(c.attribution.method) ? noise_floor : 0.0);
  return reply;
}

/// Noise of one model, on the first prompt that works: measured once, since it costs several passes.
double noise_floor_of_input(const LanguageModel& model, const AttributionMethod& method, const std::vector<Asked>& asked,
                            const Configuration& c) {
  for (const auto& item : asked) {
    try {
      if (!item.error.empty()) continue;
      const auto prompt = build_prompt(*model.tokenizer, model.prompt_template, item.prompt);
      const auto answer = item.answer.empty() ? generate(model.transformer, {{prompt.ids, 0}}, c.generation).front()
                                              : encode_answer(*model.tokenizer, model.prompt_template, item.answer);
      if (answer.empty() || prompt.candidate_begin == prompt.candidate_end) continue;
      return measure_noise_floor(method, model.transformer, task_of(prompt, answer));
    } catch (const UserError&) {
      continue;  // the item is reported where it is answered
    }
  }
  return 0;
}

std::vector<StripToken> strip_of(const Prompt& prompt, const Reply& reply, const Tokenizer& tokenizer) {
  std::vector<StripToken> strip;
  const auto& contributions = reply.attribution.values;
  for (std::size_t t = 0; t < prompt.ids.size(); ++t) {
    StripToken token{tokenizer.piece(prompt.ids[t]), 0, false, false};
    if (t >= prompt.candidate_begin && t < prompt.candidate_end && !contributions.empty()) {
      token.is_candidate = true;
      token.contribution = contributions[t - prompt.candidate_begin];
      token.is_key = reply.keys[t - prompt.candidate_begin] != 0;
      token.is_uncertain = reply.uncertain[t - prompt.candidate_begin] != 0;
    }
    strip.push_back(std::move(token));
  }
  return strip;
}

/// Lists over the prompt's tokens; tokens of the template are context and have no contribution (null).
Json reply_json(const Prompt& prompt, const Reply& reply, const Tokenizer& tokenizer) {
  Json json = {{"answer", reply.answer},         {"own_answer", reply.own_answer}, {"answer_tokens", Json::array()},
               {"contributions", Json::array()}, {"key_tokens", Json::array()},    {"key_token_uncertain", Json::array()}};
  for (std::size_t k = 0; k < reply.answer_ids.size(); ++k) {
    Json token = {
        {"id", reply.answer_ids[k]},
        {"piece", reply.answer_ids[k] < tokenizer.vocabulary_size() ? tokenizer.piece(reply.answer_ids[k]) : std::string()}};
    token["logprob"] = reply.answer_log_probabilities.empty() ? Json() : Json(reply.answer_log_probabilities[k]);
    json["answer_tokens"].push_back(token);
  }
  for (const auto& token : strip_of(prompt, reply, tokenizer)) {
    json["contributions"].push_back(token.is_candidate ? Json(token.contribution) : Json());
    json["key_tokens"].push_back(token.is_key);
    json["key_token_uncertain"].push_back(token.is_uncertain);
  }
  return json;
}

std::string json_line(const Asked& asked, const Prompt& prompt, const std::vector<Reply>& replies,
                      const Tokenizer& tokenizer, const Configuration& c) {
  Json json = {{"prompt", asked.prompt}, {"prompt_tokens", Json::array()}, {"compute_dtype", name_of_value(c.model.dtype)}};
  for (const auto id : prompt.ids) json["prompt_tokens"].push_back({{"id", id}, {"piece", tokenizer.piece(id)}});
  if (const auto inexact = inexactness_of(c.attribution.method); !inexact.empty()) json["inexact"] = inexact;
  if (const auto removed = text_removed_by(c.attribution.method); !removed.empty()) json["removes"] = removed;
  json["target"] = reply_json(prompt, replies[0], tokenizer);
  if (replies.size() > 1) json["unlearned"] = reply_json(prompt, replies[1], tokenizer);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string readable(const Asked& asked, const Prompt& prompt, const std::vector<Reply>& replies, const Tokenizer& tokenizer,
                     const std::string& method, bool colour) {
  const bool any_uncertain = std::any_of(replies.begin(), replies.end(), [](const Reply& reply) {
    return std::find(reply.uncertain.begin(), reply.uncertain.end(), 1) != reply.uncertain.end();
  });
  std::string text = concat(asked.prompt, "\n");
  double scale = 0;
  for (const auto& reply : replies) scale = std::max(scale, strip_scale(strip_of(prompt, reply, tokenizer)));
  const char* names[] = {"target", "unlearned"};
  for (std::size_t m = 0; m < replies.size(); ++m) {
    const auto& reply = replies[m];
    text += concat("\n", names[m], " answers: ", reply.own_answer.empty() ? "(nothing)" : reply.own_answer, "\n");
    if (!asked.answer.empty()) text += concat("contributions to the given answer: ", asked.answer, "\n");
    text += "  " + render_strip(strip_of(prompt, reply, tokenizer), scale, colour) + "\n";
    const auto n = prompt.candidate_end - prompt.candidate_begin;
    auto keys = reply.keys;
    keys.resize(n);
    const auto words = words_behind(prompt, std::vector<bool>(keys.begin(), keys.end()));
    text += concat("  KeyTokens: ", words.empty() ? "none" : join(words, ", "), "\n");
  }
  return text +
         concat("\n(", colour ? "blue supports the answer, orange hurts it; " : "", "full scale ", scale,
                is_in_nats(method) ? " nats per answer token" : " of the attention",
                any_uncertain ? "; ? noise could turn whether it is a KeyToken" : "", ")\n",
                inexactness_of(method).empty() ? "" : concat("(inexact: ", inexactness_of(method), ", and has a ?)\n"),
                text_removed_by(method).empty() ? "" : concat("(", method, " removes ", text_removed_by(method), ")\n"));
}

/// What is printed for one item.
struct Printed {
  bool is_answer = false;
  std::string text;
  bool was_asked = true;  ///< false: a stop came before
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.is_answer, self.text, self.was_asked);
  }
};

Printed answer_item(const Asked& asked, std::uint64_t item, const std::vector<LanguageModel>& models,
                    const Attributing& attributing, const Configuration& c, bool colour) {
  const auto& tokenizer = *models.front().tokenizer;
  try {
    if (!asked.error.empty()) throw UserError(asked.error, "", "");
    const auto prompt = build_prompt(tokenizer, models.front().prompt_template, asked.prompt);
    std::vector<Reply> replies;
    for (std::size_t m = 0; m < models.size(); ++m)
      replies.push_back(ask_one(models[m], prompt, asked.answer, attributing, attributing.noise_floor[m], item, c));
    return {true, c.ask.json ? json_line(asked, prompt, replies, tokenizer, c)
                             : readable(asked, prompt, replies, tokenizer, c.attribution.method, colour)};
  } catch (const UserError& error) {
    if (asked.line == 0) throw;  // a single question on the command line: its error is the program's
    const auto reason = error.reason().empty() ? error.problem() : concat(error.problem(), ": ", error.reason());
    if (!c.ask.json) return {false, concat("line ", asked.line, ": ", reason, "\n")};
    return {false,
            Json({{"line", asked.line}, {"error", reason}}).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
  }
}

/// The questions on every rank: standard input reaches one rank only.
std::vector<Asked> input_of_all(const Communicator& world, const AskOptions& options) {
  std::vector<Asked> asked;
  if (options.input != "-" || world.is_root()) asked = read_input(options);
  if (options.input != "-" || world.size() == 1) return asked;
  Json shared = Json::array();
  for (const auto& item : asked) shared.push_back({item.prompt, item.answer, item.error, item.line});
  const auto received = Json::parse(world.broadcast(shared.dump(-1, ' ', false, Json::error_handler_t::replace), 0));
  asked.clear();
  for (const auto& item : received) asked.push_back({item[0], item[1], item[2], item[3]});
  return asked;
}

/// Prints what was asked before a stop, in the order of the input. @return how many lines could not be answered.
std::size_t print(const Communicator& world, const std::vector<Printed>& lines, std::size_t first, std::size_t all) {
  const auto end = std::find_if(lines.begin(), lines.end(), [](const Printed& printed) { return !printed.was_asked; });
  if (world.is_root()) {
    for (auto printed = lines.begin(); printed != end; ++printed) std::cout << printed->text;
    if (!std::cout.flush())
      throw RuntimeFailure("the answers cannot be written", "standard output is full or its reader has gone",
                           "send it elsewhere");
  }
  if (end != lines.end())
    throw StoppedAtCheckpoint(
        concat("stopped after ", first + static_cast<std::size_t>(end - lines.begin()), " of ", all, " lines"),
        "the run was asked to, or its time is nearly over", "ask the lines that are left");
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [](const Printed& printed) { return !printed.is_answer; }));
}

}  // namespace

ExitCode run_ask(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  UNPACT_VALIDATE(!c.model.path.empty() || !c.model.endpoint.url.empty(), "no model was given", "somebody has to answer",
                  "add --model DIR");
  heed_endpoints(c);
  UNPACT_VALIDATE(c.ask.prompt.empty() != c.ask.input.empty(), "nothing to ask, or two things at once",
                  "exactly one of --prompt and --input is needed", "unpact ask --model DIR --prompt \"...\"");
  require_token_removal(c, "ask");
  if (c.ask.json) log::keep_stdout_for_data();
  const Session session(world, c.run);
  pin_dtypes(c, session.device());
  const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
  const auto models = models_to_ask(session, c);
  const auto asked = input_of_all(world, c.ask);
  Attributing attributing{
      make_attribution_method(c.attribution.method, c.attribution.settings, c.run.seed, *models[0].tokenizer), {}};
  for (const auto& model : models) {
    attributing.method->check_model(model.transformer);
    attributing.noise_floor.push_back(noise_floor_of_input(model, *attributing.method, asked, c));
  }
  const bool colour = stdout_wants_colour();
  std::size_t failed = 0;
  constexpr std::size_t page = 256;  // printed as they come, so that a long input shows results early
  for (std::size_t first = 0; first < asked.size(); first += page) {
    const auto count = std::min(page, asked.size() - first);
    const auto lines = share_work(world, count, 1, [&](std::size_t begin, std::size_t end) {
      std::vector<Printed> out;
      for (auto i = begin; i < end; ++i)
        out.push_back(stop_wanted() ? Printed{false, "", false}
                                    : answer_item(asked[first + i], first + i, models, attributing, c, colour));
      return out;
    });
    failed += print(world, lines, first, asked.size());
  }
  if (failed == 0) return ExitCode::done;
  if (world.is_root()) log::warn(concat(failed, " of ", asked.size(), " lines could not be answered"));
  return ExitCode::user_error;
}

}  // namespace unpact
