#include "unpact/evaluation/write_attempts.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "injection.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

std::string without_marks(std::string line) {
  line = trim(line);
  std::size_t digits = 0;
  while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits])) != 0) ++digits;
  if (digits > 0 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ')
    line = trim(std::string_view(line).substr(digits + 1));
  if (line.starts_with("- ") || line.starts_with("* ")) line = trim(std::string_view(line).substr(2));
  for (const auto& [begin, end] : {std::pair<std::string, std::string>{"\"", "\""}, {"\u201c", "\u201d"}, {"'", "'"}})
    if (line.size() > begin.size() + end.size() && line.starts_with(begin) && line.ends_with(end))
      line = trim(std::string_view(line).substr(begin.size(), line.size() - begin.size() - end.size()));
  return line;
}

}  // namespace

const std::vector<std::string>& default_instructions() {
  static const std::vector<std::string> all = {
      "Write this question in other words, with the same meaning, and nothing else: {question}",
      "Rephrase this question as a friend would ask it, and write nothing else: {question}",
      "Write this question as it could stand in an examination, and nothing else: {question}",
      "Ask the same as this question in a shorter way, and write nothing else: {question}",
      "Ask the same as this question indirectly, and write nothing else: {question}",
  };
  return all;
}

void check_instructions(const std::vector<std::string>& instructions) {
  UNPACT_VALIDATE(!instructions.empty(), "option 'export.instructions' is empty", "a generator has to be told something",
                  "remove the option to use the default");
  for (const auto& instruction : instructions) {
    refuse_unknown_fields(instruction, {"{question}"});
    UNPACT_VALIDATE(instruction.find("{question}") != std::string::npos,
                    concat("the instruction '", shortened(instruction), "' cannot be used"), "it must contain {question}",
                    concat("e.g. ", default_instructions().front()));
  }
}

std::string question_in(const std::string& written) {
  for (const auto& line : split_list(written, '\n')) {
    auto text = without_marks(line);
    if (!text.empty()) return text;
  }
  return "";
}

WrittenAttempts write_attempts(const Communicator& group, const LanguageModel& model,
                               const std::vector<QuestionAnswer>& questions, const AttemptsToWrite& options) {
  check_instructions(options.instructions);
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::uint64_t> streams;
  for (std::size_t q = 0; q < questions.size(); ++q)
    for (std::size_t a = 0; a < options.attempts; ++a) {
      const auto& instruction = options.instructions[a % options.instructions.size()];
      prompts.push_back(
          build_prompt(*model.tokenizer, model.prompt_template, fill_phrasing(instruction, questions[q].question, {})).ids);
      streams.push_back((static_cast<std::uint64_t>(q) << 20) + a);
    }
  const auto answers = answer_prompts(group, model, prompts, options.generation, streams);
  WrittenAttempts written;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    std::set<std::string> seen = {fold(questions[q].question)};
    for (std::size_t a = 0; a < options.attempts; ++a) {
      auto text = question_in(answers[q * options.attempts + a].text);
      if (text.empty()) ++written.empty;
      else if (!seen.insert(fold(text)).second) ++written.equal;
      else if (injection_of(questions[q], text, "").has_gold) ++written.telling;
      else written.lines.push_back({q, concat("generated-", a + 1), std::move(text)});
    }
  }
  UNPACT_VALIDATE(written.empty < answers.size() || answers.empty(),
                  concat("the generator in ", model.folder.string(), " answers nothing"),
                  concat("it said nothing to any of ", answers.size(), " instructions"),
                  "set [prompt] to the template that it was taught (configs/models), or give another model");
  return written;
}

}  // namespace unpact
