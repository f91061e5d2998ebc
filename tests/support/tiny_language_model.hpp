#pragma once
/// For tests: a random language model whose tokens are bytes, and a small dataset.
#include <memory>
#include <string>

#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact::testing_support {

inline LanguageModel tiny_language_model(std::uint64_t seed) {
  auto config = tiny_config();
  config.vocabulary_size = 264;
  config.max_positions = 400;
  config.eos_ids = {2};
  return {tiny_transformer(seed, config), std::make_shared<ByteTokenizer>(), {}, {}};
}

/// 45 forget and 3 retain questions, and 2 in-context examples for each set.
inline Dataset small_dataset() {
  Dataset dataset;
  for (int i = 0; i < 45; ++i)
    dataset.forget_questions.push_back({concat("Who wrote book ", i, "?"), concat("Author ", i), {}});
  for (int i = 0; i < 3; ++i) dataset.retain_questions.push_back({concat("Where is town ", i, "?"), concat("Land ", i), {}});
  for (int i = 0; i < 2; ++i) {
    dataset.forget_examples.push_back({concat("F", i, "?"), "yes", {}});
    dataset.retain_examples.push_back({concat("R", i, "?"), "no", {}});
  }
  return dataset;
}

}  // namespace unpact::testing_support
