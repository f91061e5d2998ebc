#include "unpact/campaign/cell.hpp"

#include <gmock/gmock.h>

namespace unpact {
namespace {

TEST(CellId, NamesModelDatasetMethodAndSeed) {
  Configuration c;
  c.model.name = "llama-2.7b";
  c.dataset.name = "news";
  c.method.name = "npo_gd";
  c.run.seed = 18446744073709551615U;
  EXPECT_EQ(cell_id(c), "llama-2.7b__news__npo_gd__seed18446744073709551615");
}

TEST(CellId, IsSafeAsAFileName) {
  Configuration c;
  c.model.name = "../../etc/passwd";
  c.dataset.name = "a b*?\n\\\"";
  c.method.name = "\xC3\xA4|;$(x)";
  const auto id = cell_id(c);
  for (const char character : id)
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(character)) || character == '-' || character == '_' || character == '.') << id;
  EXPECT_EQ(cell_file("folder", id).parent_path(), "folder/cells");
  EXPECT_EQ(cell_file("folder", id).filename(), id + ".h5");
}

}  // namespace
}  // namespace unpact
