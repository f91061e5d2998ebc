/// dataset_checksum(): what a campaign recognizes its data by.
#include <gtest/gtest.h>

#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

Dataset small() {
  Dataset dataset;
  dataset.forget_questions = {{"ab", "c", {}}};
  dataset.retain_questions = {{"d", "e", {"k"}}};
  dataset.forget_texts = {"text"};
  dataset.passages = {{"once", "upon"}};
  return dataset;
}

TEST(DatasetChecksum, IsThatOfTheContentOnly) {
  auto other = small();
  other.name = "another";
  other.folder = "/elsewhere";
  EXPECT_EQ(dataset_checksum(small()), dataset_checksum(other));
  EXPECT_EQ(dataset_checksum(small()).size(), 64U);
}

TEST(DatasetChecksum, ChangesWithEveryPart) {
  std::vector<Dataset> changed(11, small());
  changed[0].forget_questions = {{"a", "bc", {}}};  // the same letters in a row
  changed[1].retain_questions[0].keys.clear();
  std::swap(changed[2].forget_questions, changed[2].retain_questions);
  changed[3].forget_texts = {"te", "xt"};
  std::swap(changed[4].forget_texts, changed[4].retain_texts);
  changed[5].passages = {{"once", "more"}};
  changed[6].privacy_holdout.emplace_back();
  changed[7].forget_questions[0].paraphrased = {"k"};
  changed[8].forget_questions[0].perturbed = {"k"};
  changed[9].real_authors = {{"d", "e", {}}};
  changed[10].world_facts = {{"d", "e", {}}};
  for (std::size_t i = 0; i < changed.size(); ++i) EXPECT_NE(dataset_checksum(changed[i]), dataset_checksum(small())) << i;
  EXPECT_NE(dataset_checksum(changed[7]), dataset_checksum(changed[8]));
}

}  // namespace
}  // namespace unpact
