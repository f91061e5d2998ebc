#include <algorithm>

#include "converse.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// What somebody wrote for each question, one greedy answer an attempt.
class FileProbe : public Probe {
 public:
  FileProbe(std::string name, const GenerationOptions& generation) : name_(std::move(name)), generation_(generation) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    const auto asked = attempts_of(task);
    auto widened = task;  // as many attempts as the question that has most
    widened.budget = 0;
    for (const auto& one : asked) widened.budget = std::max(widened.budget, one.place + 1);
    for (std::size_t a = 0; a < widened.budget; ++a) record.attempt_labels.push_back(concat("written ", a + 1));
    converse(widened, generation_, asked, record);
  }

 private:
  std::vector<Conversation> attempts_of(const ProbeTask& task) const {
    std::vector<Conversation> asked;
    for (std::size_t p = 0; p < task.probed.size(); ++p) {
      std::size_t place = 0;
      for (const auto& written : task.questions[task.probed[p]].pair.attempts)
        if (written.probe == name_) asked.push_back({p, place++, written});
    }
    return asked;
  }

  std::string name_;
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_file_probe(const std::string& name, const GenerationOptions& generation) {
  return std::make_unique<FileProbe>(name, generation);
}

std::unique_ptr<const Probe> make_no_probe(const ProbeOptions&, const GenerationOptions&) {
  UNPACT_EXPECT(false);  // rows_to_run()
  return nullptr;
}

}  // namespace unpact
