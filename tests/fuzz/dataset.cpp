#include "../../src/data/choice_question.hpp"  // private to the layer
#include "../../src/data/entries.hpp"          // private to the layer
#include "fuzz_target.hpp"

namespace {

using namespace unpact;

/// The fields that the layouts know, where an entry has them; a wrong one refuses that entry alone.
void check(const Json& entry, const std::string& where) {
  for (const char* key : {"question", "answer", "text", "prompt", "gt"}) {
    try {
      const auto text = text_field(entry, key, where);
      UNPACT_FUZZ_REQUIRE(!trim(text).empty() && is_valid_utf8(text) && text.find('\0') == std::string::npos);
    } catch (const UserError&) {
    }
  }
  try {
    const auto pair = choice_question(entry, where, "biology");
    UNPACT_FUZZ_REQUIRE(pair.choices.size() == 4 && pair.answer.size() == 1 && pair.answer[0] >= 'A' &&
                        pair.answer[0] <= 'D');
  } catch (const UserError&) {
  }
}

}  // namespace

/// One file as a JSON list (MUSE, WMDP, MMLU) and as JSON lines (TOFU).
UNPACT_FUZZ_TARGET(dataset) {
  try {
    for_each_entry_of(input, "input", check);
  } catch (const UserError&) {  // as lines it may be good
  }
  for_each_line_of(input, "input", check);
}
