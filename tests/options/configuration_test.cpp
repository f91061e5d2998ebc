/// Where each value comes from, and what is refused: tests of CommandLine, not of what the jobs do with it.
#include "unpact/options/configuration.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "core/temporary_folder.hpp"
#include "options/resolving.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::refusal;
using testing_support::resolve;
using testing_support::TemporaryFolder;

TEST(Precedence, DefaultThenChoiceFileThenConfigurationThenCommandLine) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[run]\nseed = 2\n[method]\nuse = m\nbeta = 0.3\nretain_weight = 3\n").string();
  folder.write("methods/m.ini",
               "[method]\nname = chosen\nforget = npo\nretain = gd\nbeta = 0.7\nretain_weight = 7\nforget_weight = 7\n");
  const auto c = resolve({"--config", config, "--method.retain_weight", "4"});
  EXPECT_EQ(c.method.retain_weight, 4) << "command line over file";
  EXPECT_EQ(c.method.beta, 0.3) << "file over choice file";
  EXPECT_EQ(c.method.forget_weight, 7) << "choice file over default";
  EXPECT_EQ(c.method.name, "chosen");
  EXPECT_EQ(c.run.seed, 2U);
  EXPECT_EQ(c.generation.max_new_tokens, Configuration().generation.max_new_tokens) << "default";
}

TEST(Precedence, TheCommandLineAlsoChoosesTheChoiceFile) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[method]\nuse = one\n").string();
  folder.write("methods/one.ini", "[method]\nname = one\n");
  folder.write("methods/two.ini", "[method]\nname = two\n");
  EXPECT_EQ(resolve({"--config", config}).method.name, "one");
  EXPECT_EQ(resolve({"--config", config, "--method", "two"}).method.name, "two");
  EXPECT_EQ(resolve({"--config", config, "--method", "one"}, "finetune", {"method.use=two"}).method.name, "two")
      << "a campaign's choice wins over all";
}

TEST(Precedence, ChoiceFilesOfModelDatasetAndMethodAreMergedAndNotNamedAnyMore) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[model]\nuse = m\n[dataset]\nuse = d\n[method]\nuse = u\n").string();
  folder.write("models/m.ini", "[model]\nname = mm\n");
  folder.write("datasets/d.ini", "[dataset]\nname = dd\n");
  folder.write("methods/u.ini", "[method]\nname = uu\n");
  const auto c = resolve({"--config", config});
  EXPECT_EQ(c.model.name + c.dataset.name + c.method.name, "mmdduu");
  EXPECT_EQ(c.model.use + c.dataset.use + c.method_use, "") << "the text would name files that may not be there any more";
}

TEST(InputPaths, AreRelativeToTheFileThatNamesThem) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[model]\npath = ../elsewhere\n[dataset]\nuse = d\n").string();
  folder.write("datasets/d.ini", "[dataset]\npath = here\nretain_path = /abs/retain\n");
  const auto c = resolve({"--config", config, "--model.config", "mine"});
  EXPECT_EQ(c.model.path, (folder.path().parent_path() / "elsewhere").string());
  EXPECT_EQ(c.dataset.path, (folder.path() / "datasets/here").string());
  EXPECT_EQ(c.dataset.retain_path, "/abs/retain");
  EXPECT_EQ(c.model.config, "mine") << "the command line means the current folder";
  EXPECT_EQ(c.model.tokenizer, "") << "nothing stays nothing";
}

TEST(InputPaths, AbsoluteForPrinting) {
  const auto c = with_absolute_paths(resolve({"--model", "x/../y", "--output", "results/mine"}));
  EXPECT_EQ(c.model.path, (std::filesystem::current_path() / "y").string());
  EXPECT_EQ(c.run.output, "results/mine") << "an output is no input";
}

TEST(UnknownOption, IsNamedWithTheNearestOne) {
  EXPECT_THAT(refusal({"--run.sed", "1"}),
              AllOf(HasSubstr("'run.sed'"), HasSubstr("on the command line"), HasSubstr("did you mean 'run.seed'?")));
  EXPECT_THAT(refusal({"--modle", "x"}), HasSubstr("did you mean 'model'?"));
  EXPECT_THAT(refusal({"--run.see", "1"}), HasSubstr("unknown option")) << "no guessing from a beginning";
  EXPECT_THAT(refusal({"--qqqqqqqqqqqqqqqq", "1"}), AllOf(HasSubstr("unknown option"), Not(HasSubstr("did you mean"))));
}

TEST(PromptOptions, OfThePublishedTemplatesResolve) {
  const auto models = std::filesystem::path(UNPACT_SOURCE_DIR) / "configs/models";
  const auto prompt = [&](const char* name) { return resolve({"--config", (models / name).string()}).prompt.resolve(); };
  const auto qwen = prompt("qwen3.ini");
  EXPECT_EQ(qwen.system, "");
  EXPECT_EQ(qwen.after_question + qwen.generation_prefix, "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
  EXPECT_TRUE(qwen.stop_strings.empty());
  EXPECT_FALSE(qwen.add_bos);
  const auto llama = prompt("llama3.1-instruct.ini");
  EXPECT_EQ(llama.before_system + llama.system + llama.after_system,
            "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 26 Jul 2024\n\n<|eot_id|>");
  EXPECT_EQ(prompt("mistral-instruct.ini").before_question, "[INST] ");
  EXPECT_EQ(prompt("qwen2.5-instruct.ini").between_examples, "<|im_end|>\n");
  EXPECT_EQ(prompt("muse.ini").after_question, "\nAnswer: ");
  EXPECT_EQ(prompt("muse.ini").stop_strings, PromptTemplate().stop_strings);
}

TEST(UnknownOption, InAFileNamesTheFile) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[run]\nsede = 1\n").string();
  EXPECT_THAT(refusal({"--config", config}),
              AllOf(HasSubstr("'run.sede'"), HasSubstr("c.ini"), HasSubstr("did you mean 'run.seed'?")));
  const auto choice = folder.write("d.ini", "[method]\nuse = m\n").string();
  folder.write("methods/m.ini", "[method]\nbeto = 1\n");
  EXPECT_THAT(refusal({"--config", choice}), AllOf(HasSubstr("'method.beto'"), HasSubstr("m.ini")));
}

TEST(WrongType, OfEveryKindNamesKeyValueAndKind) {
  EXPECT_THAT(refusal({"--finetune.epochs", "two"}),
              AllOf(HasSubstr("'finetune.epochs' is 'two'"), HasSubstr("a whole number")));
  EXPECT_THAT(refusal({"--finetune.epochs", "2.5"}), HasSubstr("a whole number"));
  EXPECT_THAT(refusal({"--finetune.epochs", "99999999999999999999"}), HasSubstr("a whole number"));
  EXPECT_THAT(refusal({"--finetune.epochs", ""}), HasSubstr("finetune.epochs"));
  EXPECT_THAT(refusal({"--seed=-1"}), AllOf(HasSubstr("'run.seed'"), HasSubstr("a whole number >= 0")));
  EXPECT_THAT(refusal({"--finetune.learning_rate", "1e-3x"}),
              AllOf(HasSubstr("'finetune.learning_rate'"), HasSubstr("a number")));
  EXPECT_THAT(refusal({"--prompt.add_bos", "maybe"}), AllOf(HasSubstr("'prompt.add_bos'"), HasSubstr("true or false")));
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[unlearn]\nbatch_size = many\n").string();
  EXPECT_THAT(refusal({"--config", config}), AllOf(HasSubstr("'unlearn.batch_size'"), HasSubstr("c.ini")));
}

TEST(WrongType, FlagsTakeTheUsualWords) {
  for (const auto* yes : {"true", "yes", "on", "1"}) EXPECT_TRUE(resolve({"--judge.stem", yes}).judge.stem) << yes;
  for (const auto* no : {"false", "no", "off", "0"}) EXPECT_FALSE(resolve({"--prompt.add_bos", no}).prompt.add_bos) << no;
}

TEST(Refusal, OptionGivenTwice) {
  EXPECT_THAT(refusal({"--seed", "1", "--seed", "2"}),
              AllOf(HasSubstr("'run.seed' appears twice"), HasSubstr("on the command line")));
  EXPECT_THAT(refusal({"--seed", "1", "--run.seed", "2"}), HasSubstr("'run.seed' appears twice"))
      << "also under its short name";
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[run]\nseed = 1\nseed = 2\n").string();
  EXPECT_THAT(refusal({"--config", config}), AllOf(HasSubstr("'run.seed' appears twice"), HasSubstr("c.ini")));
}

TEST(Refusal, FilesThatAreNotThere) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal({"--config", (folder.path() / "none.ini").string()}), HasSubstr("none.ini"));
  const auto config = folder.write("c.ini", "[method]\nuse = none\n").string();
  EXPECT_THAT(refusal({"--config", config}), AllOf(HasSubstr("methods/none.ini"), HasSubstr("'method.use'")));
  EXPECT_THAT(refusal({"--config", folder.write("d.ini", "[run]\nseed\n").string()}), HasSubstr("d.ini"));
}

TEST(Refusal, ValuesOutOfRange) {
  EXPECT_THAT(refusal({"--device", "tpu"}), AllOf(HasSubstr("'run.device'"), HasSubstr("auto, cpu, cuda")));
  EXPECT_THAT(refusal({"--generation.max_new_tokens", "0"}), HasSubstr("'generation.max_new_tokens'"));
  EXPECT_THAT(refusal({"--run.threads", "99999999999"}), HasSubstr("'run.threads'"));
  EXPECT_THAT(refusal({"--finetune.parts", "questions, answers"}), HasSubstr("'finetune.parts'"));
  EXPECT_THAT(refusal({"--finetune.sets", ""}), HasSubstr("'finetune.sets' is empty"));
  EXPECT_THAT(refusal({"--unlearn.chunk_length", "1"}), HasSubstr("chunk_length"));
  EXPECT_THAT(refusal({"--judge.threshold", "nan"}), HasSubstr("threshold"));
  EXPECT_THAT(refusal({"--judge.kind", "exact_mach"}), HasSubstr("did you mean 'exact_match'"));
  EXPECT_THAT(refusal({"--probe.use", "probab, focus"}), AllOf(HasSubstr("'probe.use'"), HasSubstr("'focus'")));
  EXPECT_THAT(refusal({"--probe.temperature", "0"}), HasSubstr("probe.temperature"));
  EXPECT_THAT(refusal({"--finetune.learning_rate", "nan"}), HasSubstr("learning_rate"));
  EXPECT_THAT(refusal({"--method.forget", "magic"}), HasSubstr("method.forget"));
  EXPECT_THAT(refusal({"stray"}), HasSubstr("the options cannot be read"));
}

TEST(Refusal, TextThatAConfigurationFileCannotHold) {
  EXPECT_THAT(refusal({"--prompt.before_question", "Question # "}),
              AllOf(HasSubstr("'prompt.before_question'"), HasSubstr("\\s for a space")));
  for (const auto* text : {"a\nb", "a\r", "a ", "\ta", "a\x01", "\xff"})
    EXPECT_THAT(refusal({"--dataset.name", text}), HasSubstr("'dataset.name'")) << text;
  EXPECT_EQ(resolve({"--dataset.name", "C# # x"}).dataset.name, "C# # x");
  EXPECT_EQ(resolve({"--model", "m", "--prompt", "What is #1?\n"}, "ask").ask.prompt, "What is #1?\n")
      << "a question is no setting";
}

TEST(Aliases, AreShortForTheirKeys) {
  const auto c = resolve({"--model", "m", "--output", "o", "--seed", "5", "--device", "cpu", "--prompt", "p", "--answer",
                          "a", "--unlearned", "u", "--json"},
                         "ask");
  EXPECT_EQ(c.model.path, "m");
  EXPECT_EQ(c.run.output, "o");
  EXPECT_EQ(c.run.seed, 5U);
  EXPECT_EQ(c.run.device, DeviceChoice::cpu);
  EXPECT_EQ(c.ask.prompt, "p");
  EXPECT_EQ(c.ask.answer, "a");
  EXPECT_EQ(c.ask.unlearned, "u");
  EXPECT_TRUE(c.ask.json);
  EXPECT_EQ(resolve({"--input", "-"}, "ask").ask.input, "-");
  EXPECT_EQ(resolve({"--unlearned", "u"}, "evaluate").evaluate.unlearned, "u") << "means this job's own option";
  const auto inspected = resolve({"model", "folder"}, "inspect").inspect;
  EXPECT_EQ(inspected.what + " " + inspected.path, "model folder");
}

TEST(MethodName, IsMadeOfItsTermsWhereNoneIsGiven) {
  EXPECT_EQ(resolve({"--method.forget", "npo", "--method.retain", "kl"}, "unlearn").method.name, "npo_kl");
  EXPECT_EQ(resolve({"--method.forget", "tv"}, "unlearn").method.name, "tv");
  EXPECT_EQ(resolve({"--method.name", "mine"}, "unlearn").method.name, "mine");
  EXPECT_EQ(resolve({}, "evaluate").method.name, "") << "the unlearned model's folder says it";
}

TEST(Refusal, AttributionsThatCannotLookIntoWhatTheMethodMakes) {
  EXPECT_THAT(
      refusal({"--method.forget", "whp", "--attribution.method", "rollout"}),
      AllOf(HasSubstr("'method.forget = whp' and 'attribution.method = rollout' contradict"), HasSubstr("leave_one_out")));
  EXPECT_EQ(refusal({"--method.forget", "whp", "--attribution.method", "shapley"}), "nothing was thrown");
}

TEST(Refusal, TermsThatAreClippedAloneWhereThereIsOne) {
  for (const char* one_term : {"ga", "tv"})
    EXPECT_THAT(refusal({"--method.forget", one_term, "--unlearn.clip", "terms"}),
                AllOf(HasSubstr("'unlearn.clip = terms'"), HasSubstr("one term")));
  EXPECT_EQ(refusal({"--method.forget", "ga", "--method.retain", "gd", "--unlearn.clip", "terms"}), "nothing was thrown");
  EXPECT_EQ(refusal({"--method.forget", "rmu", "--unlearn.clip", "terms"}), "nothing was thrown") << "it brings its own";
  const testing_support::TemporaryFolder folder;
  const auto file = folder.write("campaign.ini",
                                 "[choice.methods.one]\nmethod.forget = ga\n"
                                 "[choice.methods.two]\nmethod.forget = ga\nmethod.retain = gd\n");
  const CommandLine campaign("reproduce",
                             {"--config", file.string(), "--campaign.methods", "two,one", "--unlearn.clip", "terms"});
  EXPECT_EQ(campaign.resolve().method.forget, "ga") << "what the cells share has no method yet";
  EXPECT_EQ(campaign.resolve({"method.use=two"}).unlearn.train.clip, ClipRule::terms);
  EXPECT_THAT(testing_support::message_of<UserError>([&] { campaign.resolve({"method.use=one"}); }), HasSubstr("one term"));
}

TEST(Refusal, OfAMethodsOptionComesWithTheCellThatHasNoUseForIt) {
  const testing_support::TemporaryFolder folder;
  const auto file =
      folder.write("campaign.ini", "[choice.methods.one]\nmethod.forget = ga\n[choice.methods.two]\nmethod.forget = npo\n");
  const CommandLine campaign("reproduce", {"--config", file.string(), "--campaign.methods", "two", "--method.beta", "0.2"});
  EXPECT_NO_THROW(campaign.resolve()) << "the method is still to come";
  EXPECT_EQ(campaign.resolve({"method.use=two"}).method.beta, 0.2);
  EXPECT_THAT(testing_support::message_of<UserError>([&] { campaign.resolve({"method.use=one"}); }),
              HasSubstr("'method.beta' is '0.2'"));
  EXPECT_THAT(testing_support::message_of<UserError>([&] {
                CommandLine("reproduce", {"--method.forget", "ga", "--method.beta", "0.2"}).resolve();
              }),
              HasSubstr("'method.beta' is '0.2'"))
      << "without a list the configuration's own method runs";
}

TEST(Refusal, WeightsOfWhatATextNames) {
  EXPECT_THAT(refusal({"--method.weighting", "spans", "--unlearn.form", "texts"}),
              HasSubstr("'unlearn.form = texts' contradict"));
  EXPECT_THAT(refusal({"--method.weight_outside", "0.5"}), HasSubstr("only method.weighting = spans"));
  EXPECT_THAT(refusal({"--method.weighting", "spans", "--method.weight_outside", "-1"}), HasSubstr("must be >= 0"));
}

TEST(Refusal, AttributionOfWhatHasNoQuestion) {
  EXPECT_THAT(refusal({"--method.weighting", "attribution", "--unlearn.form", "texts"}),
              AllOf(HasSubstr("'method.weighting = attribution'"), HasSubstr("unlearn.form = questions")));
  EXPECT_THAT(refusal({"--method.weighting", "attribution", "--unlearn.loss_on", "all"}),
              HasSubstr("unlearn.loss_on = answer"));
  EXPECT_THAT(refusal({"--unlearn.phrased", "1", "--unlearn.form", "texts"}), HasSubstr("'unlearn.phrased = 1'"));
}

TEST(Refusal, MorePhrasingsThanAreLeft) {
  EXPECT_THAT(refusal({"--unlearn.phrased", "4"}),
              AllOf(HasSubstr("'unlearn.phrased' is 4"), HasSubstr("has 5"), HasSubstr("set it to 0 to 3")));
  EXPECT_THAT(refusal({"--unlearn.phrased", "-1"}), HasSubstr("'unlearn.phrased' is -1"));
  EXPECT_THAT(refusal({"--unlearn.phrased", "1", "--probe.phrasings", "{question} {keys}|{keys} {question}"}),
              HasSubstr("has 2"));
}

TEST(Refusal, MethodsThatContradictThemselvesOrTheText) {
  EXPECT_THAT(refusal({"--method.forget", "dpo", "--method.alternates", "idk.txt", "--unlearn.form", "texts"}),
              HasSubstr("'unlearn.form = texts' contradict"));
  EXPECT_THAT(refusal({"--method.npo_variant", "muse_logit"}),
              AllOf(HasSubstr("method.npo_variant"), HasSubstr("only method.forget = npo")));
  EXPECT_THAT(refusal({"--unlearn.chunk_rule", "tofu"}),
              AllOf(HasSubstr("'unlearn.chunk_rule'"), HasSubstr("muse, open_unlearning")));
  EXPECT_THAT(refusal({"--unlearn.retain_sampling", "any"}),
              AllOf(HasSubstr("'unlearn.retain_sampling'"), HasSubstr("epoch, uniform, paired")));
}

TEST(ToIni, ReadBackSaysTheSame) {
  const TemporaryFolder folder;
  const auto first =
      resolve({"--seed", "18446744073709551615", "--finetune.learning_rate", "0.1", "--attribution.beta", "1e-300",
               "--prompt.stop", "\\x23 | \\s", "--probe.phrasings", "{question} {keys} = [x]; \"y\"|{question} ({keys})",
               "--model", "/some where/m", "--judge.stem", "yes", "--method.epochs", "3"});
  const auto text = to_ini(first);
  const auto again = resolve({"--config", folder.write("printed.ini", text).string()});
  EXPECT_EQ(to_ini(again), text);
  EXPECT_EQ(again.run.seed, 18446744073709551615U);
  EXPECT_EQ(again.finetune.train.learning_rate, 0.1);
  EXPECT_EQ(again.attribution.keys.beta, 1e-300);
  EXPECT_EQ(again.prompt.resolve().stop_strings, (std::vector<std::string>{"#", " "}));
  EXPECT_EQ(again.probe.resolve_phrasings().size(), 2U);
  EXPECT_EQ(again.unlearn_training().epochs, 3);
}

TEST(CommandLine, KnowsWhatTheProgramItselfShallDo) {
  EXPECT_TRUE(CommandLine("ask", {"--model", "x", "--help"}).wants_help());
  EXPECT_TRUE(CommandLine("ask", {"--print-config"}).wants_configuration());
  EXPECT_FALSE(CommandLine("ask", {"--model", "x"}).wants_help());
}

}  // namespace
}  // namespace unpact
