// Asks a model one question and says which of the question's tokens its answer hangs on.
//
//   example_contributions MODEL_FOLDER "Which composer wrote the anniversary fanfare for horn and geese?"
//
// The library from C++, without MPI: load, ask, attribute, find the KeyTokens. Everything comes from public headers.
#include <c10/core/Device.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/text/prompt.hpp"

namespace {

void explain(const char* folder, const char* question) {
  using namespace unpact;
  // A Hugging Face folder: config.json, the tokenizer's files, *.safetensors.
  const LanguageModel model = load_language_model(folder, PromptTemplate(), c10::Device(c10::kCPU));

  // The template's tokens, BOS and in-context examples are context; the question's own are the candidates.
  const Prompt prompt = build_prompt(*model.tokenizer, model.prompt_template, question);
  const std::vector<TokenId> answer = generate(model.transformer, {{prompt.ids, 0}}, GenerationOptions()).front();
  std::printf("answer: %s\n", model.text_of(answer).c_str());
  if (answer.empty()) return;

  // C(x_i, y) = LP(x, y) - LP(x without x_i, y) for every candidate i, in nats per answer token.
  const std::vector<float> contributions =
      SharedPrefixEngine().run(model.transformer, task_of(prompt, answer)).contributions();
  const std::vector<std::uint8_t> is_key = find_key_tokens(contributions, KeyTokenOptions());
  for (std::size_t i = 0; i < contributions.size(); ++i) {
    const auto piece = model.tokenizer->piece(prompt.ids[prompt.candidate_begin + i]);
    std::printf("%+8.3f  %s%s\n", contributions[i], piece.c_str(), is_key[i] != 0 ? "  (KeyToken)" : "");
  }
  std::printf("KeyTokens:");
  for (const auto& words : words_behind(prompt, std::vector<bool>(is_key.begin(), is_key.end())))
    std::printf(" [%s]", words.c_str());
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL_FOLDER QUESTION\n", argv[0]);
    return 1;
  }
  try {
    explain(argv[1], argv[2]);
  } catch (const std::exception& error) {  // UserError and RuntimeFailure say problem, reason and hint
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
