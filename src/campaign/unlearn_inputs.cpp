#include "unpact/campaign/unlearn_inputs.hpp"

#include <cmath>
#include <map>
#include <sstream>

#include "attribution_weights.hpp"
#include "phrased_questions.hpp"
#include "span_weights.hpp"
#include "unpact/campaign/same_inputs.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/random.hpp"
#include "unpact/data/halves.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// How text becomes tokens.
struct Encoder {
  const Tokenizer& tokenizer;
  const PromptTemplate& prompt_template;
};

void require_some(bool there, ExampleForm form, const char* set) {
  UNPACT_VALIDATE(there, concat("the ", set, " set is empty"), concat("the dataset has no ", name_of_value(form), " there"),
                  "choose another unlearn.form or dataset");
}

std::vector<Example> set_examples(const Configuration& c, const Encoder& encoder, const std::vector<QuestionAnswer>& pairs,
                                  const std::vector<std::string>& texts) {
  const bool of_questions = c.unlearn.form == ExampleForm::questions;
  return of_questions ? question_examples(encoder.tokenizer, encoder.prompt_template, pairs, c.unlearn.loss_on)
                      : cut_texts(encoder.tokenizer, texts, c.unlearn_chunks());
}

Examples shared(std::vector<Example> examples, ExampleForm form, const char* set) {
  require_some(!examples.empty(), form, set);
  return std::make_shared<const std::vector<Example>>(std::move(examples));
}

/// The file that a method needs, read once.
struct MethodFile {
  fs::path path;
  std::string content;
};

MethodFile read_method_file(const MethodOptions& method) {
  MethodFile file{path_of_needed_file(method), {}};
  if (file.path.empty()) return file;
  file.content = read_file(file.path);
  const auto checksum = sha256_of_bytes(file.content);
  UNPACT_VALIDATE(method.file_checksum.empty() || checksum == method.file_checksum,
                  concat(file.path.string(), " has another content than method.file_checksum says"),
                  concat("it is ", checksum, ", not ", method.file_checksum),
                  "find the file that was meant; it must not change while a job runs, nor differ between ranks");
  return file;
}

std::vector<std::string> lines_of(const MethodFile& file) {
  std::vector<std::string> lines;
  std::istringstream in(file.content);
  for (std::string line; std::getline(in, line);) lines.push_back(trim(line));
  return lines;
}

/// The questions of the forget set with another answer: drawn from a list for all, or from those that the file has for
/// the question. Which one is drawn depends on seed and question alone.
std::vector<QuestionAnswer> with_other_answers(const MethodFile& file, const std::vector<QuestionAnswer>& pairs,
                                               std::uint64_t seed) {
  const auto lines = lines_of(file);
  const bool is_json = !lines.empty() && lines.front().rfind("{", 0) == 0;
  std::vector<std::string> for_all;
  std::map<std::string, std::vector<std::string>> by_question;
  if (is_json)
    for (const auto& pair : parse_question_lines(file.content, file.path)) by_question[pair.question].push_back(pair.answer);
  else
    for (const auto& line : lines)
      if (!line.empty()) for_all.push_back(line);
  UNPACT_VALIDATE(is_json || !for_all.empty(), concat("no answers to prefer in ", file.path.string()), "the file is empty",
                  "write one answer a line");
  auto result = pairs;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto& choices = is_json ? by_question[result[i].question] : for_all;
    UNPACT_VALIDATE(!choices.empty(), concat("no answer to prefer for the question '", result[i].question, "'"),
                    concat(file.path.string(), " has no line with this question"),
                    "add one for every question of the forget set");
    result[i].answer = choices[random_below(choices.size(), seed, stream_of("alternates"), i)];
  }
  return result;
}

std::vector<TokenId> refusal_tokens(const Tokenizer& tokenizer, const std::string& text) {
  auto tokens = tokenizer.encode_continuation(" " + text);
  UNPACT_VALIDATE(!tokens.empty(), concat("option 'method.refusal' is '", text, "'"), "the tokenizer makes no token of it",
                  "use \"No Idea\"");
  return tokens;
}

TokenWeights read_weights(const MethodFile& file, const std::vector<Example>& examples) {
  auto lines = lines_of(file);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  UNPACT_VALIDATE(lines.size() == examples.size(),
                  concat("the token weights in ", file.path.string(), " do not fit the forget set"),
                  concat("the file has ", lines.size(), " lines, the forget set ", examples.size(), " examples"),
                  "write one JSON list an example, in order");
  TokenWeights weights;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto where = concat(file.path.string(), ", line ", i + 1);
    const auto list = parse_json(lines[i], where);
    const auto targets = static_cast<std::size_t>(examples[i].targets());
    UNPACT_VALIDATE(list.is_array() && list.size() == targets, concat("wrong token weights in ", where),
                    concat("the example has ", targets, " tokens with loss"), "write a JSON list with one number for each");
    auto& row = weights.emplace_back();
    std::size_t next = 0;
    for (const auto flag : examples[i].has_loss) {
      if (flag == 0) {
        row.push_back(0);
        continue;
      }
      const auto& value = list[next++];
      UNPACT_VALIDATE(value.is_number() && std::isfinite(value.get<float>()) && value.get<float>() >= 0,
                      concat("wrong token weight in ", where), concat("'", value.dump(), "' is no number >= 0"),
                      "correct it");
      row.push_back(value.get<float>());
    }
  }
  return weights;
}

}  // namespace

ContextLimit context_limit(const Configuration& c, const ModelConfig& model) {
  const auto rule = c.train.long_examples;
  return {model.max_positions, rule == LongExamples::refuse && c.dataset.skip_long ? LongExamples::skip : rule,
          model.vocabulary_size};
}

std::string data_key(const Configuration& c) {
  const auto& u = c.unlearn;
  const auto chunks = c.unlearn_chunks();
  return concat(
      u.forget_sets, " ", u.forget_sets_checksum, " ", name_of_value(u.form), " ", name_of_value(u.loss_on), " ",
      name_of_value(chunks.rule), " ", chunks.length, " ", chunks.wrap_last, " ", name_of_value(c.train.long_examples), " ",
      c.method.weighting == WeightingKind::spans ? concat("spans ", c.method.weight_outside, " ", c.method.span_tokens, " ")
                                                 : "",
      u.phrased == 0 ? "" : concat("phrased ", u.phrased, " ", c.probe.phrasings, " "), path_of_needed_file(c.method), " ",
      c.method.file_checksum,
      c.method.alternates.empty() ? "" : concat(" ", c.run.seed));  // which answers are preferred is drawn
}

namespace {

std::string checksum_of(const std::vector<std::string>& texts) {
  return sha256_of_bytes(Json(texts).dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// What is forgotten last; of a set that was pinned, only what was meant.
std::vector<std::string> forget_texts(const UnlearnOptions& options, const Dataset& dataset) {
  const auto sets = split_list(options.forget_sets), checksums = split_list(options.forget_sets_checksum);
  if (sets.empty()) return dataset.forget_texts;
  auto texts = read_forget_set(dataset.folder, sets.back());
  const auto known = checksums.size() == sets.size() ? checksums.back() : std::string();
  UNPACT_VALIDATE(known.empty() || known == checksum_of(texts),
                  concat("the forget set ", sets.back(), " has another content than unlearn.forget_sets_checksum says"),
                  concat("it is ", checksum_of(texts), ", not ", known), "find the set that was meant");
  return texts;
}

}  // namespace

void pin_forget_sets(const Communicator& world, const fs::path& dataset, UnlearnOptions& options) {
  if (options.forget_sets.empty()) return;
  std::vector<std::string> checksums;
  for (const auto& set : split_list(options.forget_sets)) checksums.push_back(checksum_of(read_forget_set(dataset, set)));
  const auto text = join(checksums, ", ");
  require_same_on_ranks(world, concat("forget sets of ", dataset.string()), text);
  if (options.forget_sets_checksum.empty()) options.forget_sets_checksum = text;
}

void check_sets(const UnlearnOptions& options, const Dataset& dataset) {
  const bool texts = options.form == ExampleForm::texts;
  require_some(texts ? !forget_texts(options, dataset).empty() : !dataset.forget_questions.empty(), options.form, "forget");
  require_some(texts ? !dataset.retain_texts.empty() : !dataset.retain_questions.empty(), options.form, "retain");
}

void pin_method_file(const Communicator& world, Configuration& c) {
  const auto path = path_of_needed_file(c.method);
  if (path.empty()) return;
  const auto checksum = sha256_of_file(path);
  require_same_on_ranks(world, concat("file ", path), checksum);
  if (c.method.file_checksum.empty()) c.method.file_checksum = checksum;
}

namespace {

/// The questions of a set as they are trained. @param contributions null: nobody has asked the target yet.
PhrasedQuestions trained_pairs(const Configuration& c, const std::vector<QuestionAnswer>& questions,
                               const std::vector<QuestionContributions>* contributions, const std::string& set) {
  const auto phrasings = trained_phrasings(c.probe, c.unlearn.phrased);
  if (phrasings.empty()) return phrased_questions(questions, {}, {});
  return phrased_questions(questions, phrasings,
                           contributions == nullptr ? words_at_most(questions) : words_to_phrase(*contributions, set));
}

/// What to prefer to each pair's answer.
std::vector<QuestionAnswer> preferred_pairs(const PhrasedQuestions& asked, const std::vector<QuestionAnswer>& preferred) {
  auto pairs = asked.pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].answer = preferred[asked.question_of[i]].answer;
  return pairs;
}

TokenWeights weights_of_forget_set(const Configuration& c, const Encoder& encoder, const MethodFile& file,
                                   const PhrasedQuestions& asked, const std::vector<Example>& examples,
                                   const TrainedContributions* contributions) {
  const auto& m = c.method;
  if (m.weighting == WeightingKind::given) return read_weights(file, examples);
  if (m.weighting == WeightingKind::spans)
    return span_weights(asked.pairs, examples, encoder.tokenizer, encoder.prompt_template,
                        {m.weight_outside, static_cast<std::size_t>(m.span_tokens)});
  if (m.weighting == WeightingKind::attribution && contributions != nullptr)
    return attribution_weights(asked.pairs, examples, encoder.tokenizer, encoder.prompt_template, contributions->forget,
                               asked.question_of, {m.attribution_weights, m.weight_share, c.run.seed});
  return {};
}

}  // namespace

UnlearnData unlearn_data(const Configuration& c, const Dataset& dataset, const Tokenizer& tokenizer,
                         const PromptTemplate& prompt_template, const ContextLimit& limit,
                         const TrainedContributions* contributions) {
  const Encoder encoder{tokenizer, prompt_template};
  const auto form = c.unlearn.form;
  const auto asked = trained_pairs(c, dataset.forget_questions, contributions ? &contributions->forget : nullptr, "forget"),
             kept = trained_pairs(c, trained_half(dataset.retain_questions),
                                  contributions ? &contributions->retain : nullptr, "retain");
  UnlearnData data;
  auto forget = set_examples(c, encoder, asked.pairs, forget_texts(c.unlearn, dataset));
  auto retain = set_examples(c, encoder, kept.pairs, dataset.retain_texts);
  const auto file = read_method_file(c.method);
  std::vector<Example> alternates;
  if (!c.method.alternates.empty())
    alternates = question_examples(tokenizer, prompt_template,
                                   preferred_pairs(asked, with_other_answers(file, dataset.forget_questions, c.run.seed)),
                                   c.unlearn.loss_on);
  fit_context(forget, alternates, limit, "forget set");
  fit_context(retain, limit, "retain set");
  data.forget = shared(std::move(forget), form, "forget");
  data.retain = shared(std::move(retain), form, "retain");
  if (!alternates.empty()) data.alternates = std::make_shared<const std::vector<Example>>(std::move(alternates));
  data.given_weights = weights_of_forget_set(c, encoder, file, asked, *data.forget, contributions);
  if (c.method.weighting == WeightingKind::spans && c.method.span_tokens > 0 && c.method.anchor_weight > 0)
    data.held_back = span_weights(asked.pairs, *data.forget, tokenizer, prompt_template, {});  // the onsets' rest
  if (kind_of(c.method).own_options.count("refusal") != 0) data.refusal = refusal_tokens(tokenizer, c.method.refusal);
  data.retain_sampling = c.unlearn.retain_sampling;
  data.cache_folder = fs::path(c.run.output) / "cache";
  return data;
}

std::string lines_of_weights(const UnlearnData& data) {
  std::string text;
  for (std::size_t i = 0; i < data.given_weights.size(); ++i) {
    const auto& example = (*data.forget)[i];
    auto line = Json::array();
    for (std::size_t t = 0; t < example.has_loss.size(); ++t)
      if (example.has_loss[t] != 0) line.push_back(data.given_weights[i][t]);
    text += line.dump() + "\n";
  }
  return text;
}

}  // namespace unpact
