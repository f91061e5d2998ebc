/// The model's own weights in few bits: what an unlearning has moved by less than a step comes back.
#include "probes.hpp"
#include "unpact/evaluation/changed_model.hpp"
#include "unpact/model/quantization.hpp"

namespace unpact {
namespace {

class Quantize : public Probe {
 public:
  explicit Quantize(const GenerationOptions& generation) : generation_(generation) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    for (const auto kind : kQuantizations) record.attempt_labels.push_back(name_of_value(kind));
    record.asked.assign(task.probed.size(), static_cast<std::uint8_t>(Asked::yes));
    for (std::size_t a = 0; a < kQuantizations.size(); ++a) {
      const auto make = [&] {
        MadeModel made{task.model};
        made.model.transformer = quantized(task.group, task.model.transformer, kQuantizations[a]);
        return made;
      };
      answer_by(task, generation_, {record.attempt_labels[a], a, make}, record);
    }
  }

 private:
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_quantize(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<Quantize>(generation);
}

}  // namespace unpact
