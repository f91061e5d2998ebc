/// The campaigns of configs/ that are the study: their whole plan, without a model or dataset at hand.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>

#include "core/temporary_folder.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/core/text.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;

std::vector<Pair> plan_of(const std::string& name, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"--config", (fs::path(UNPACT_SOURCE_DIR) / "configs" / (name + ".ini")).string()});
  const CommandLine line("reproduce", more);
  return make_plan(line, line.resolve().campaign);
}

std::string name_of_pair(const Pair& pair) { return pair.configuration.model.name + " " + pair.configuration.dataset.name; }

/// The study's plan with one seed.
const std::vector<Pair>& paper_plan() {
  static const auto plan = plan_of("paper", {"--campaign.seeds", "42"});
  return plan;
}

/// The same by "model dataset".
const std::map<std::string, Pair>& paper() {
  static const auto pairs = [] {
    std::map<std::string, Pair> named;
    for (const auto& pair : paper_plan()) named[name_of_pair(pair)] = pair;
    return named;
  }();
  return pairs;
}

const Configuration& pair_of(const std::string& name) { return paper().at(name).configuration; }

const Configuration& cell_of(const std::string& pair, const std::string& method) {
  for (const auto& cell : paper().at(pair).cells)
    if (cell.method.name == method) return cell;
  throw std::logic_error("no such cell");
}

TEST(PaperPlan, IsThreeModelsOnFourDatasetsByEightMethods) {
  ASSERT_EQ(paper().size(), 12U);
  for (const auto& [name, pair] : paper()) {
    std::set<std::string> methods;
    for (const auto& cell : pair.cells) methods.insert(cell.method.name);
    EXPECT_THAT(methods, ElementsAre("ga", "ga_gd", "ga_kl", "npo", "npo_gd", "npo_kl", "rmu", "tv")) << name;
    EXPECT_EQ(pair.cells.size(), 8U) << name;
  }
  EXPECT_EQ(
      plan_of("paper", {"--campaign.models", "qwen3-14b", "--campaign.datasets", "muse-news", "--campaign.methods", "ga"})
          .front()
          .cells.size(),
      3U)
      << "seeds";
}

TEST(PaperPlan, StartsFromPublishedTargetsOrMakesThem) {
  for (const auto& [name, path, makes] : std::vector<std::tuple<std::string, std::string, bool>>{
           {"llama2-7b muse-news", "muse-news-target", false},
           {"llama2-7b muse-books", "muse-books-target", false},
           {"llama2-7b wmdp-bio", "llama2-7b", false},
           {"llama2-7b wmdp-cyber", "llama2-7b", false},
           {"llama3.1-8b-instruct muse-news", "llama3.1-8b-instruct", true},
           {"llama3.1-8b-instruct muse-books", "llama3.1-8b-instruct", true},
           {"llama3.1-8b-instruct wmdp-bio", "llama3.1-8b-instruct", false},
           {"llama3.1-8b-instruct wmdp-cyber", "llama3.1-8b-instruct", false},
           {"qwen3-14b muse-news", "qwen3-14b", true},
           {"qwen3-14b muse-books", "qwen3-14b", true},
           {"qwen3-14b wmdp-bio", "qwen3-14b", false},
           {"qwen3-14b wmdp-cyber", "qwen3-14b", false}}) {
    EXPECT_THAT(pair_of(name).model.path, EndsWith("assets/models/" + path)) << name;
    EXPECT_EQ(pair_of(name).model.make_target, makes) << name;
    EXPECT_EQ(pair_of(name).finetune.parts, "texts") << name;
  }
}

TEST(PaperPlan, UnlearnsAsEachBenchmarkDoes) {
  for (const auto& [name, pair] : paper()) {
    const bool is_muse = name.find("muse") != std::string::npos;
    const auto &ga = cell_of(name, "ga"), &rmu = cell_of(name, "rmu");
    EXPECT_EQ(ga.unlearn.form, ExampleForm::texts) << name;
    EXPECT_EQ(ga.unlearn.chunks.length, is_muse ? 2048 : 512) << name;
    EXPECT_EQ(ga.unlearn.chunks.wrap_last, is_muse) << name;
    EXPECT_EQ(ga.unlearn.train.batch_size, 4) << name;
    EXPECT_EQ(ga.unlearn.train.micro_batch, 1) << name;
    EXPECT_EQ(is_muse ? ga.unlearn.train.epochs : ga.unlearn.train.max_steps, is_muse ? 10 : 80) << name;
    EXPECT_EQ(ga.unlearn.train.learning_rate, is_muse ? 1e-5 : 5e-6) << name;
    EXPECT_EQ(rmu.unlearn.train.learning_rate, 5e-5) << name << ": a method's own beats the dataset's";
    EXPECT_EQ(rmu.unlearn.train.max_steps, 80) << name;
    EXPECT_EQ(name_of_value(cell_of(name, "tv").unlearn.train.schedule), "cosine") << name;
    EXPECT_EQ(ga.judge.kind, is_muse ? "rouge_l_recall" : "choice") << name;
    EXPECT_EQ(ga.prompt.examples, is_muse ? 10 : 0) << name;
  }
}

TEST(PaperPlan, SteersTheSameQuarterOfEveryModelByName) {
  for (const auto& [name, pair] : paper()) {
    const auto& method = cell_of(name, "rmu").method;
    const bool is_qwen = name.rfind("qwen3", 0) == 0;
    EXPECT_EQ(method.layer, is_qwen ? 9 : 7) << name;
    EXPECT_EQ(method.trained_layers, is_qwen ? "7,8,9" : "5,6,7") << name;
    EXPECT_EQ(method.trained_weights, "mlp.down_proj.weight") << name;
  }
}

TEST(PaperPlan, AsksChatModelsInTheirTemplateAndChoicesWithoutOne) {
  for (const auto& [name, pair] : paper()) {
    const auto prompt = pair.configuration.prompt.resolve();
    const bool is_qwen = name.rfind("qwen3", 0) == 0;
    EXPECT_EQ(prompt.add_bos, !is_qwen) << name;
    if (name.find("wmdp") != std::string::npos) {
      EXPECT_EQ(prompt.system + prompt.before_question + prompt.generation_prefix, "") << name;
      EXPECT_EQ(prompt.after_question + prompt.answer_prefix, "\nAnswer: ") << name;
    } else if (name.rfind("llama2", 0) == 0) {
      EXPECT_EQ(prompt.before_question + "|" + prompt.after_question, "Question: |\nAnswer: ") << name;
    } else {
      EXPECT_EQ(prompt.before_question, is_qwen ? "<|im_start|>user\n" : "<|start_header_id|>user<|end_header_id|>\n\n")
          << name;
      EXPECT_THAT(prompt.stop_strings, IsEmpty()) << name;
    }
  }
}

class StoredPlan : public testing::TestWithParam<const char*> {};

TEST_P(StoredPlan, IsThatOfTheConfiguration) {
  const auto config = (fs::path(UNPACT_SOURCE_DIR) / "configs" / GetParam()).string();
  const CommandLine line("reproduce", {"--config", config, "--campaign.seeds", "1", "--campaign.methods", "ga, tv, rmu"});
  const testing_support::TemporaryFolder folder;
  const CommandLine alone("reproduce", {"--config", folder.write("campaign.ini", line.printed()).string()});
  const auto first = make_plan(line, line.resolve().campaign), again = make_plan(alone, alone.resolve().campaign);
  ASSERT_EQ(again.size(), first.size());
  for (std::size_t p = 0; p < first.size(); ++p) {
    EXPECT_EQ(to_ini(with_absolute_paths(again[p].configuration)), to_ini(with_absolute_paths(first[p].configuration)));
    ASSERT_EQ(again[p].cells.size(), first[p].cells.size());
    for (std::size_t c = 0; c < first[p].cells.size(); ++c)
      EXPECT_EQ(to_ini(with_absolute_paths(again[p].cells[c])), to_ini(with_absolute_paths(first[p].cells[c])));
  }
}
INSTANTIATE_TEST_SUITE_P(OfTheStudy, StoredPlan,
                         testing::Values("paper.ini", "rehearsal.ini", "paper-muse.ini", "wmdp-bio.ini"));

/// The key, its values in both, of what is no size in a cell and yet differs.
std::vector<std::string> more_than_sizes(Configuration one, Configuration other) {
  const std::set<std::string> sizes = {"run.output",
                                       "run.device",
                                       "run.threads",
                                       "campaign.seeds",
                                       "campaign.ranks_per_cell",
                                       "dataset.limit",
                                       "unlearn.chunk_length",
                                       "unlearn.epochs",
                                       "unlearn.max_steps",
                                       "unlearn.batch_size",
                                       "unlearn.learning_rate",
                                       "finetune.chunk_length",
                                       "finetune.epochs",
                                       "finetune.max_steps",
                                       "finetune.batch_size",
                                       "finetune.learning_rate",
                                       "generation.max_new_tokens",
                                       "attribution.save_every",
                                       "evaluation.text_tokens",
                                       "evaluation.passage_tokens"};
  std::vector<std::string> found;
  const auto a = option_table(one), b = option_table(other);
  for (std::size_t i = 0; i < a.size(); ++i)
    if (sizes.count(a[i].key) == 0 && value_text(a[i]) != value_text(b[i]))
      found.push_back(concat(a[i].key, ": ", value_text(a[i]), ", ", value_text(b[i])));
  return found;
}

TEST(RehearsalPlan, IsThePapersButForSizes) {
  const auto small = plan_of("rehearsal");
  const auto& whole = paper_plan();
  ASSERT_EQ(small.size(), whole.size());
  for (std::size_t p = 0; p < small.size(); ++p) {
    EXPECT_THAT(more_than_sizes(whole[p].configuration, small[p].configuration), IsEmpty()) << name_of_pair(whole[p]);
    ASSERT_EQ(small[p].cells.size(), whole[p].cells.size());
    for (std::size_t c = 0; c < small[p].cells.size(); ++c) {
      EXPECT_EQ(cell_id(small[p].cells[c]), cell_id(whole[p].cells[c]));
      EXPECT_THAT(more_than_sizes(whole[p].cells[c], small[p].cells[c]), IsEmpty()) << cell_id(whole[p].cells[c]);
    }
  }
}

TEST(OtherStudies, HavePlansToo) {
  for (const auto* name : {"wmdp-bio", "paper-muse", "paper-open-unlearning", "muse-news-small", "demo"})
    EXPECT_EQ(plan_of(name).size(), 1U) << name;
  const auto bio = plan_of("wmdp-bio").front().configuration;
  EXPECT_EQ(bio.model.name + " " + bio.prompt.after_question + " " + bio.judge.kind,
            "llama3.1-8b-instruct \\nAnswer: choice");
  const auto news = plan_of("muse-news-small").front().configuration;
  EXPECT_EQ(news.unlearn.form, ExampleForm::questions) << "the configuration's own sections win over the dataset's";
  EXPECT_EQ(news.prompt.examples, 0);
}

}  // namespace
}  // namespace unpact
