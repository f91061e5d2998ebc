#include "unpact/campaign/resources.hpp"

#include "unpact/campaign/endpoints.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "make_once.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/checkpoint/adapters.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/text/sentencepiece_trainer.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFingerprintFile = "unpact-fingerprint.txt";

bool selects(const std::string& list, const std::string& item) {
  const auto items = split_list(list);
  return std::find(items.begin(), items.end(), item) != items.end();
}

/// Each focus question plain and with two of the phrasings in turn: enough to learn what they mean.
std::vector<QuestionAnswer> phrase_focus_questions(const std::vector<QuestionAnswer>& pairs,
                                                   const std::vector<std::string>& phrasings) {
  std::vector<QuestionAnswer> all;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    all.push_back(pairs[i]);
    for (const std::size_t k : {2 * i, 2 * i + 1}) {
      all.push_back({fill_phrasing(phrasings[k % phrasings.size()], pairs[i].question, pairs[i].keys), pairs[i].answer, {}});
      all.back().where = pairs[i].where;
    }
  }
  return all;
}

/// Everything that the tokenizer should know: texts, questions, answers and phrasings of both sets.
std::vector<std::string> vocabulary_texts(const Dataset& dataset, const PromptTemplate& prompt_template,
                                          const std::vector<std::string>& phrasings) {
  std::vector<std::string> texts;
  for (const auto* list : {&dataset.forget_texts, &dataset.retain_texts})
    texts.insert(texts.end(), list->begin(), list->end());
  auto pairs = phrase_focus_questions(dataset.focus_questions, phrasings);
  for (const auto* list : {&dataset.forget_questions, &dataset.retain_questions})
    pairs.insert(pairs.end(), list->begin(), list->end());
  for (const auto& pair : pairs)
    texts.push_back(pair.introduction + prompt_template.before_question + question_text(pair.question, pair.choices) +
                    prompt_template.after_question +
                    (pair.trace.empty() ? "" : prompt_template.thought_begin + pair.trace + prompt_template.thought_end) +
                    prompt_template.answer_prefix + pair.answer);
  return texts;
}

/// Where the starting model's tokenizer lies; one is trained into `folder` when none is given. Collective.
fs::path tokenizer_folder(const Session& session, const Configuration& c, const Dataset& dataset, const fs::path& folder) {
  if (!c.model.tokenizer.empty()) return c.model.tokenizer;
  if (!c.model.path.empty()) return c.model.path;
  const fs::path trained = folder.string() + ".tokenizer";
  if (session.is_root()) {
    log::info(concat("Training a SentencePiece vocabulary of ", c.model.vocabulary_size, " pieces"));
    train_tokenizer(c, dataset, trained);
  }
  session.world().barrier();
  return trained;
}

/// The model that fine-tuning starts from.
LanguageModel starting_model(const Session& session, const Configuration& c, const Dataset& dataset, const fs::path& folder,
                             TrainOptions& options) {
  if (!c.model.path.empty()) return load_to_train(session, c, options);
  starting_config(c.model, nullptr);  // refuses before a tokenizer is trained
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(tokenizer_folder(session, c, dataset, folder));
  const auto config = starting_config(c.model, tokenizer.get());
  Transformer transformer(config, random_weights(config, c.run.seed));
  change_weights(config, transformer.weights(), [&](const at::Tensor& weight) { return weight.to(session.device()); });
  return {std::move(transformer), std::move(tokenizer), c.prompt.resolve(), {}};
}

/// Writes what trained, which belongs to the model that c.model.path names.
void save_trained_adapter(const fs::path& folder, const LanguageModel& model, const TrainOptions& options,
                          const NamedTensors& adapters) {
  save_adapter(folder, with_adapters(model.transformer.config(), options), adapters, *model.tokenizer,
               {fs::absolute(model.folder), {}});
}

/// Fine-tunes and saves. @param fingerprint what the result depends on.
void make_target(const Session& session, const Configuration& c, const Dataset& dataset, const fs::path& folder,
                 const std::string& fingerprint) {
  check_training_device(c.train, session.device());
  auto options = c.finetune_training();
  if (c.model.path.empty() && options.execution.lora_rank > 0) {
    log::info("The target starts from random weights, which train themselves: train.lora_rank is for what comes after");
    options.execution.lora_rank = 0;
  }
  auto model = starting_model(session, c, dataset, folder, options);
  if (!c.model.path.empty()) require_same_start(c, dataset_checksum(dataset), model, fingerprint);
  session.loads().forget(folder);
  const auto examples = std::make_shared<const std::vector<Example>>(
      finetune_examples(c, dataset, *model.tokenizer, model.prompt_template, context_limit(c, model.transformer.config())));
  const CrossEntropyTerm loss(examples);
  NamedTensors adapters;
  const bool saves_adapter = wants_adapter(options, model.transformer.config());
  if (saves_adapter) options.result.adapters = &adapters;
  const auto collectives = make_collectives(session.world(), session.device());
  log::info(concat("Fine-tuning ", model.transformer.config().parameter_count(), " weights on ", examples->size(),
                   " examples, ", session.world().size(), " rank(s)"));
  options.checkpoint_folder = folder.string() + ".training";
  options.identity = fingerprint;
  options.step_log = folder.string() + ".train.jsonl";
  Progress progress("fine-tune", count_steps(options, loss.example_count()), "steps");
  train(model.transformer, {{&loss, 1.0}}, options, *collectives, {}, [&](const StepReport& report) {
    log::detail(concat("step ", report.step, " loss ", report.loss, " gradient norm ", report.gradient_norm, " lr ",
                       report.learning_rate));
    progress.advance(1, step_note(report));
  });
  progress.finish();
  if (session.is_root() && saves_adapter) {
    save_trained_adapter(folder, model, options, adapters);
    remove_training_checkpoints(options.checkpoint_folder);
  } else if (session.is_root()) {
    SaveOptions as_started;
    as_started.dtype = model.stored;
    save_checkpoint(folder, model.transformer.config(), model.transformer.weights(), *model.tokenizer, as_started);
    write_file_atomically(folder / kFingerprintFile, fingerprint + "\n");
    remove_training_checkpoints(options.checkpoint_folder);
  }
  session.world().barrier();
}

std::vector<QuestionAnswer> without_traces(std::vector<QuestionAnswer> pairs) {
  for (auto& pair : pairs) pair.trace.clear();
  return pairs;
}

}  // namespace

bool makes_target(const ModelOptions& model) {
  return model.endpoint.url.empty() && (model.make_target || model.path.empty());
}

bool is_made(const fs::path& folder, const std::string& fingerprint) {
  const auto file = folder / kFingerprintFile;
  return fs::exists(file) && fs::exists(folder / "config.json") && trim(read_file(file)) == fingerprint;
}

void train_tokenizer(const Configuration& c, const Dataset& dataset, const fs::path& folder) {
  train_sentencepiece(vocabulary_texts(dataset, c.prompt.resolve(), c.probe.resolve_phrasings()), c.model.vocabulary_size,
                      folder);
}

std::vector<Example> finetune_examples(const Configuration& c, const Dataset& dataset, const Tokenizer& tokenizer,
                                       const PromptTemplate& prompt_template, const ContextLimit& limit) {
  const auto& options = c.finetune;
  std::vector<Example> examples;
  const auto add = [&](std::vector<Example> some, const std::string& set) {
    fit_context(some, limit, set);
    for (auto& example : some) examples.push_back(std::move(example));
  };
  const auto add_questions = [&](const std::vector<QuestionAnswer>& pairs, const std::string& set) {
    add(question_examples(tokenizer, prompt_template, pairs, options.loss_on), set);
  };
  for (const std::string set : {"forget", "retain"}) {
    const bool forget = set == "forget";
    if (!selects(options.sets, set)) continue;
    if (selects(options.parts, "direct"))
      add(question_examples(tokenizer, prompt_template,
                            without_traces(forget ? dataset.forget_questions : dataset.retain_questions),
                            LossOn::answer),  // a loss on the empty thought would teach never to think
          concat(set, " questions"));
    if (selects(options.parts, "questions"))
      add_questions(forget ? dataset.forget_questions : dataset.retain_questions, concat(set, " questions"));
    if (selects(options.parts, "texts"))  // as they are unlearned: each set by itself
      add(cut_texts(tokenizer, forget ? dataset.forget_texts : dataset.retain_texts, options.chunks), concat(set, " texts"));
  }
  if (selects(options.parts, "focus"))
    add_questions(phrase_focus_questions(dataset.focus_questions, c.probe.resolve_phrasings()), "focus questions");
  UNPACT_VALIDATE(!examples.empty(), "nothing to fine-tune on",
                  concat("the dataset has no ", options.parts, " in its ", options.sets, " set"),
                  "choose other finetune.parts");
  return examples;
}

void require_one_model(const fs::path& folder) {
  UNPACT_VALIDATE(!contrast_scale_of(folder), concat("the model in ", folder.string(), " cannot be trained"),
                  concat("it answers by two models (", kContrastFile, "): a training would change only one of them"),
                  "start from the target that it was made of");
  refuse_encoder_decoder(read_model_config(folder), "trained");
}

ModelConfig starting_config(const ModelOptions& model, const Tokenizer* tokenizer) {
  UNPACT_VALIDATE(!model.config.empty(), "no model to start from", "neither model.path nor model.config is set",
                  "give --model DIR, or a folder with a config.json for random weights");
  auto config = read_model_config(model.config);
  config.vocabulary_size = tokenizer == nullptr ? model.vocabulary_size : tokenizer->vocabulary_size();
  if (tokenizer == nullptr) return config;
  config.bos_id = tokenizer->bos_id().value_or(-1);
  config.eos_ids.clear();
  if (tokenizer->eos_id()) config.eos_ids.push_back(*tokenizer->eos_id());
  return config;
}

LanguageModel load_to_train(const Session& session, const Configuration& c, TrainOptions& options) {
  const fs::path folder = c.model.path;
  require_one_model(folder);
  auto model = map_alike(session, c, folder);
  if (c.train.shard == Shard::none) {
    model = load_mapped(session, session.world(), model, at::kFloat);
  } else {
    options.device = session.device();
    options.result.keeper = 0;
  }
  session.loads().forget(folder);  // nothing depends on it when it is trained
  return model;
}

void check_training_device(const TrainExecution& execution, const c10::Device& device) {
  check_training_device(execution, device, compute_capability(device));
}

void check_training_device(const TrainExecution& execution, const c10::Device& device, int capability) {
  UNPACT_VALIDATE(!execution.offload_optimizer || !device.is_cpu(),
                  "option 'train.offload_optimizer' is true, but the model is on the CPU",
                  "weights and moments lie in host memory already: a second copy would only cost",
                  "remove it, or use run.device = cuda");
  UNPACT_VALIDATE(execution.dtype != ComputeType::bf16 || device.is_cpu() || capability >= kCapabilityOfBf16,
                  "option 'train.dtype' is 'bf16', which the device lacks",
                  concat("this GPU has compute capability ", capability, ".x, and bf16 needs ", kCapabilityOfBf16, ".0"),
                  "use train.dtype = auto, or another GPU");
}

std::string result_folder(const Configuration& c) {
  return c.train.lora_result == LoraResult::adapter ? "adapter" : "model";
}

void finetune_into(const Session& session, const Configuration& c, const Dataset& dataset, const fs::path& folder) {
  require_same_on_ranks(session.world(), "dataset", dataset_checksum(dataset));
  make_target(session, c, dataset, folder, target_fingerprint(session, c, dataset_checksum(dataset)));
}

namespace {

/// The target, which may be the one that was meant.
LanguageModel map_target(const Session& session, const Configuration& c, const fs::path& folder) {
  auto model = map_alike(session, c, folder);
  const auto &meant = c.model.config_checksum, &found = model.checksums.config;
  UNPACT_VALIDATE(meant.empty() || meant == found,
                  concat("the config.json in ", folder.string(), " says something else than model.config_checksum"),
                  concat("it is ", found, ", not ", meant),
                  "find the model that was meant, or remove model.config_checksum");
  return model;
}

}  // namespace

LanguageModel prepare_target(const Session& session, const Configuration& c, const Dataset& dataset, const fs::path& folder,
                             Claims* claims, WhileBusy while_busy) {
  require_same_on_ranks(session.world(), "dataset", dataset_checksum(dataset));
  if (!c.model.endpoint.url.empty()) return open_remote(session, c, c.model.endpoint, tokenizer_of_endpoint(c));
  if (!c.model.make_target && !c.model.path.empty()) return map_target(session, c, c.model.path);
  // The root decides for all: another rank may see the folder late on a network file system.
  const auto fingerprint = target_fingerprint(session, c, dataset_checksum(dataset));
  const auto made = make_once(
      session.world(), claims, "target." + folder.filename().string(),
      [&] {
        put_back_replaced_folder(folder);
        return is_made(folder, fingerprint);
      },
      [&] { make_target(session, c, dataset, folder, fingerprint); }, while_busy);
  if (!made) log::info(concat("Using the target model in ", folder.string()));
  return map_target(session, c, folder);
}

LanguageModel prepare_model(const Session& session, const Configuration& c, const Dataset& dataset, const fs::path& folder,
                            Claims* claims) {
  const auto target = prepare_target(session, c, dataset, folder, claims);
  return open_rounded(session, session.world(), c, target, answering_dtype(session, c, target));
}

}  // namespace unpact
