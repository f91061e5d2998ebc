#include "../../src/data/answer_details.hpp"   // private to the layer
#include "../../src/data/choice_question.hpp"  // private to the layer
#include "../../src/data/entries.hpp"          // private to the layer
#include "../../src/data/trace.hpp"            // private to the layer
#include "fuzz_target.hpp"

namespace {

using namespace unpact;

void check_choices(const Json& entry, const std::string& where, AnswerForm form) {
  try {
    const auto pair = choice_question(entry, where, "biology", {.answer_form = form});
    UNPACT_FUZZ_REQUIRE(pair.choices.size() == 4 && pair.answer.size() == 1 && pair.answer[0] >= 'A' &&
                        pair.answer[0] <= 'D');
  } catch (const UserError&) {
  }
}

void check_details(const Json& entry, const std::string& where) {
  try {
    QuestionAnswer pair;
    pair.answer = text_field(entry, "answer", where);
    read_answer_details(entry, where, pair);
    for (const auto* texts : {&pair.entities, &pair.paraphrased, &pair.perturbed})
      for (const auto& text : *texts) UNPACT_FUZZ_REQUIRE(is_valid_utf8(text) && !trim(text).empty());
  } catch (const UserError&) {
  }
  try {
    const auto trace = trace_of(entry, "cot", where);
    UNPACT_FUZZ_REQUIRE(trace == trim(trace) && trace.find("</think>") == std::string::npos);
  } catch (const UserError&) {
  }
}

/// The fields that the layouts know, where an entry has them; a wrong one refuses that entry alone.
void check(const Json& entry, const std::string& where) {
  for (const char* key : {"question", "answer", "text", "prompt", "gt"}) {
    try {
      const auto text = text_field(entry, key, where);
      UNPACT_FUZZ_REQUIRE(!trim(text).empty() && is_valid_utf8(text) && text.find('\0') == std::string::npos);
    } catch (const UserError&) {
    }
  }
  for (const auto form : {AnswerForm::number, AnswerForm::number_from_one, AnswerForm::letter, AnswerForm::text})
    check_choices(entry, where, form);
  check_details(entry, where);
}

}  // namespace

/// One file, a JSON list (MUSE, WMDP, MMLU) or JSON lines (TOFU).
UNPACT_FUZZ_TARGET(dataset) { for_each_entry_of(input, EntryForm::list, "input", check); }
