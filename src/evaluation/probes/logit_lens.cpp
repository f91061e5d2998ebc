#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "probes.hpp"
#include "../think.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// Up to `most` hidden blocks, evenly spread, the last one before the model's own output among them; of a single block that.
std::vector<std::int64_t> hidden_layers(std::int64_t layers, std::size_t most) {
  const auto hidden = std::max<std::int64_t>(1, layers - 1);
  const auto count = std::min(static_cast<std::int64_t>(most), hidden);
  std::vector<std::int64_t> chosen;
  for (std::int64_t a = 0; a < count; ++a) chosen.push_back((a + 1) * hidden / count - 1);
  return chosen;
}

/// The answer's tokens that say what was asked: those of the first entity that the data name in it, else all.
std::vector<std::size_t> telling_tokens(const Tokenizer& tokenizer, const AskedQuestion& asked) {
  const auto& ids = asked.gold_answer;
  std::vector<std::size_t> ends, all(ids.size()), telling;  // bytes of the text before and with each token
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (const auto i : all)
    ends.push_back(tokenizer.decode({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i) + 1}).size());
  const auto text = tokenizer.decode(ids);
  for (const auto& entity : asked.pair.entities) {
    const auto begin = text.find(entity);
    if (entity.empty() || begin == std::string::npos) continue;
    for (const auto i : all)
      if (ends[i] > begin && (i == 0 ? 0 : ends[i - 1]) < begin + entity.size()) telling.push_back(i);
    return telling;
  }
  return all;
}

/// Of a question, what each layer says in the place of its telling tokens: layers x tokens.
using Said = std::vector<std::vector<TokenId>>;

std::vector<TokenId> sequence_of(const AskedQuestion& asked) {
  auto ids = prompt_of_gold(asked);
  ids.insert(ids.end(), asked.gold_answer.begin(), asked.gold_answer.end() - 1);
  return ids;
}

/// One pass of a batch of questions, longest first.
void look(const LanguageModel& model, const std::vector<std::int64_t>& layers,
          const std::vector<const AskedQuestion*>& batch, const std::vector<Said*>& said) {
  std::vector<std::vector<TokenId>> sequences;
  for (const auto* asked : batch) sequences.push_back(sequence_of(*asked));
  std::vector<std::int64_t> rows;
  std::vector<AskedToken> tokens;
  for (std::size_t b = 0; b < batch.size(); ++b) {
    const auto first = b * sequences.front().size() + prompt_of_gold(*batch[b]).size() - 1;
    for (const auto t : telling_tokens(*model.tokenizer, *batch[b])) {
      tokens.push_back({static_cast<std::int64_t>(rows.size()), batch[b]->gold_answer[t], b, t});
      rows.push_back(static_cast<std::int64_t>(first + t));
    }
  }
  const auto device = model.transformer.device();
  const auto states_LND = model.transformer.hidden_behind(pad_right(sequences, device), layers).flatten(1, 2);
  const auto chosen_LRD = states_LND.index_select(1, to_tensor(rows, device));
  for (std::size_t l = 0; l < layers.size(); ++l)
    for_asked_logits(model.transformer, chosen_LRD[static_cast<std::int64_t>(l)], tokens,
                     [&](const at::Tensor& logits_RV, std::span<const AskedToken> asked) {
                       const auto best_R = logits_RV.argmax(-1).to(at::kCPU);
                       for (const auto& one : asked) (*said[one.item])[l].push_back(best_R[one.row].item<std::int64_t>());
                     });
}

/// The final norm and the output head read the hidden states behind blocks before the last, in the place of the gold answer's
/// tokens, given those before them: one attempt a layer. Right where every telling token is the likeliest one.
class LogitLens : public Probe {
 public:
  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    const auto& model = task.model;
    const auto layers = hidden_layers(model.transformer.config().layers, task.budget);
    for (const auto layer : layers)
      record.attempt_labels.push_back(concat("behind block ", layer + 1, " of ", model.transformer.config().layers));
    const bool is_two = model.transformer.reinforced() != nullptr;  // each with blocks of its own
    record.asked.assign(task.probed.size(), static_cast<std::uint8_t>(is_two ? Asked::no : Asked::yes));
    const auto said = is_two ? std::vector<Said>(task.probed.size(), Said(layers.size())) : look_everywhere(task, layers);
    for (std::size_t p = 0; p < said.size(); ++p) {
      const auto& asked = task.questions[task.probed[p]];
      std::vector<TokenId> wanted;
      for (const auto t : telling_tokens(*model.tokenizer, asked)) wanted.push_back(asked.gold_answer[t]);
      for (std::size_t l = 0; l < layers.size(); ++l) {
        record.put.push_back(is_two ? "" : asked.pair.question);
        record.answer.push_back(model.text_of(said[p][l]));
        record.found.push_back(!is_two && said[p][l] == wanted);
        const auto pass = is_two ? 0 : prompt_of_gold(asked).size() + asked.gold_answer.size() - 1;  // one for all attempts
        record.tokens.push_back(static_cast<std::int32_t>(pass * (l + 1) / layers.size() - pass * l / layers.size()));
      }
    }
  }

 private:
  /// What runs together does not depend on the number of ranks.
  static std::vector<Said> look_everywhere(const ProbeTask& task, const std::vector<std::int64_t>& layers) {
    auto pages = task.pages;
    pages.save_every = std::max<std::size_t>(1, pages.save_every / std::max<std::size_t>(1, task.budget));
    return run_in_pages(pages, task.probed.size(), [&](std::size_t page_first, std::size_t page_last) {
      return share_work(task.group, page_last - page_first, kSequencesTogether, [&](std::size_t first, std::size_t last) {
        return look_at(task, layers, page_first + first, page_first + last);
      });
    });
  }

  static std::vector<Said> look_at(const ProbeTask& task, const std::vector<std::int64_t>& layers, std::size_t first,
                                   std::size_t last) {
    const c10::InferenceMode guard;
    std::vector<Said> all(last - first, Said(layers.size()));
    const auto asked = [&](std::size_t i) { return &task.questions[task.probed[first + i]]; };
    const auto length = [&](std::size_t i) {
      const auto ids = sequence_of(*asked(i));
      check_sequence(task.model.transformer.config(), ids, 0);
      return ids.size();
    };
    for (const auto& batch : pack_by_length(all.size(), length, kPaddedTokens)) {
      std::vector<const AskedQuestion*> questions;
      std::vector<Said*> said;
      for (const auto i : batch) {
        questions.push_back(asked(i));
        said.push_back(&all[i]);
      }
      look(task.model, layers, questions, said);
    }
    return all;
  }
};

}  // namespace

std::unique_ptr<const Probe> make_logit_lens(const ProbeOptions&, const GenerationOptions&) {
  return std::make_unique<LogitLens>();
}

}  // namespace unpact
