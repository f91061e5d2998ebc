#include "../../src/checkpoint/weight_index.hpp"  // private to the layer

#include <filesystem>

#include "fuzz_target.hpp"

UNPACT_FUZZ_TARGET(weight_index) {
  const auto map = unpact::parse_weight_index(input, "input");
  UNPACT_FUZZ_REQUIRE(!map.empty());
  const std::filesystem::path folder = "/checkpoint";
  for (const auto& [tensor, file] : map) {  // no name leads out of the folder
    UNPACT_FUZZ_REQUIRE((folder / file).lexically_normal().parent_path() == folder);
    UNPACT_FUZZ_REQUIRE((folder / file).extension() == ".safetensors");
  }
}
