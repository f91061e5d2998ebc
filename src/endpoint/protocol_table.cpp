#include <algorithm>
#include <array>

#include "protocol.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

const ProtocolRow& protocol_of(EndpointKind kind) {
  static const std::array<ProtocolRow, 4> table = {
      ProtocolRow{
          EndpointKind::vllm, 1024,
          "start vLLM with --no-enable-prefix-caching (its prompt_logprobs may be stale otherwise, vllm issue 42019), "
          "and with VLLM_BATCH_INVARIANT=1 where the GPU allows it",
          "start vLLM without --max-logprobs 0", false, [](const Tokenizer*) { return make_vllm(); }},
      ProtocolRow{EndpointKind::sglang, 4096,
                  "start SGLang with --disable-radix-cache, and --enable-deterministic-inference where the GPU allows it",
                  "SGLang's native /generate gives them with return_logprob", false,
                  [](const Tokenizer*) { return make_sglang(); }},
      ProtocolRow{EndpointKind::openai_echo, 256, "switch off prefix caching and speculative decoding in the server",
                  "the server must take echo with logprobs; hosted chat models do not", false,
                  [](const Tokenizer*) { return make_openai_echo(); }},
      // One text a request: not every server takes several.
      ProtocolRow{EndpointKind::openai_text, 1, "switch off prefix caching and speculative decoding in the server",
                  "the server must take echo with logprobs (llama-cpp-python: logits_all); hosted chat models do not", true,
                  [](const Tokenizer* tokenizer) {
                    UNPACT_EXPECT(tokenizer != nullptr);
                    return make_openai_text(*tokenizer);
                  }}};
  const auto row = std::find_if(table.begin(), table.end(), [&](const auto& r) { return r.kind == kind; });
  UNPACT_EXPECT(row != table.end());
  return *row;
}

}  // namespace unpact
