#include "unpact/core/checksum.hpp"

#include <openssl/evp.h>

#include <memory>

#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"

namespace unpact {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    UNPACT_ASSERT(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void update(const char* data, std::size_t size) { UNPACT_ASSERT(EVP_DigestUpdate(context_.get(), data, size) == 1); }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    UNPACT_ASSERT(EVP_DigestFinal_ex(context_.get(), digest, &length) == 1);
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
      text += digits[digest[i] >> 4];
      text += digits[digest[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256_of_bytes(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_of_pieces(const std::function<std::string_view()>& next) {
  Sha256 hash;
  for (auto piece = next(); !piece.empty(); piece = next()) hash.update(piece.data(), piece.size());
  return hash.hex();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  const FileReader file(path);
  return sha256_of_start(file, file.size());
}

std::string sha256_of_start(const FileReader& file, std::uintmax_t bytes) {
  Sha256 hash;
  file.read(0, bytes, [&](std::string_view block) { hash.update(block.data(), block.size()); });
  return hash.hex();
}

}  // namespace unpact
