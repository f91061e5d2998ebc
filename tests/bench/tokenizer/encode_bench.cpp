/// Encodes a text again and again. Usage: encode_bench FOLDER FILE ROUNDS; prints seconds of each round and the
/// count of tokens. The first round begins with an empty word cache.
#include <chrono>
#include <iostream>
#include <string>

#include "unpact/core/atomic_file.hpp"
#include "unpact/text/tokenizer.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 1;
  try {
    const auto tokenizer = unpact::load_tokenizer(argv[1]);
    const std::string text = unpact::read_file(argv[2]);
    for (int round = std::stoi(argv[3]); round > 0; --round) {
      const auto begin = std::chrono::steady_clock::now();
      const auto encoding = tokenizer->encode(text);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      std::cout << seconds.count() << ' ' << encoding.ids.size() << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
