#include "overlap.hpp"

#include "../rouge.hpp"

namespace unpact {

std::string_view muse_answer(std::string_view generated) {
  for (const std::string_view stop : {"\n\n", "\nQuestion", "Question:"})
    generated = generated.substr(0, generated.find(stop));
  return generated;
}

double knowledge_memorization(std::string_view gold, std::string_view generated) {
  return rouge_l(gold, muse_answer(generated), Stemming::off).f1;
}

double verbatim_memorization(std::string_view continuation, std::string_view generated) {
  return rouge_l(continuation, generated, Stemming::off).f1;
}

double tofu_rouge(std::string_view gold, std::string_view generated) {
  return rouge_l(gold, generated, Stemming::porter).recall;
}

}  // namespace unpact
