#include "unpact/data/halves.hpp"

#include <algorithm>
#include <map>

#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// What each question is about; empty where that is not known of all, or is the same for all.
std::vector<std::string> subjects_of(const std::vector<QuestionAnswer>& questions, std::size_t run) {
  std::vector<std::string> subjects;
  const bool none = std::ranges::all_of(questions, [](const auto& q) { return q.subject.empty(); });
  const bool in_runs = none && run > 0 && questions.size() % run == 0;
  for (std::size_t i = 0; i < questions.size(); ++i)
    subjects.push_back(in_runs ? concat("subject ", i / run) : questions[i].subject);
  const bool known = std::ranges::none_of(subjects, [](const auto& subject) { return subject.empty(); });
  const bool several = std::ranges::any_of(subjects, [&](const auto& subject) { return subject != subjects.front(); });
  return known && several ? subjects : std::vector<std::string>();
}

/// Indices of the questions of each key, in the order of the keys' hashes.
std::map<std::string, std::vector<std::size_t>> by_hash(const std::vector<std::string>& keys) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < keys.size(); ++i) groups[sha256_of_bytes(keys[i])].push_back(i);
  return groups;
}

}  // namespace

std::string make_halves(std::vector<QuestionAnswer>& questions, double held_out, std::size_t run) {
  UNPACT_EXPECT(held_out >= 0 && held_out < 1);
  for (auto& question : questions) question.half = SetHalf::whole;
  if (held_out == 0) return "no halves: dataset.held_out is 0";
  if (questions.empty()) return "no halves: the set is empty";
  auto keys = subjects_of(questions, run);
  const bool by_subject = !keys.empty();
  if (!by_subject)
    for (const auto& question : questions) keys.push_back(question.question);
  const auto groups = by_hash(keys);
  if (groups.size() < 2) return "no halves: the set has one question";
  const double wanted = held_out * static_cast<double>(questions.size());
  std::size_t count = 0, left = groups.size();
  for (const auto& [hash, indices] : groups) {
    const bool is_held_out = static_cast<double>(count) < wanted && left > 1;
    for (const auto i : indices) questions[i].half = is_held_out ? SetHalf::held_out : SetHalf::trained;
    count += is_held_out ? indices.size() : 0;
    --left;
  }
  return concat(questions.size() - count, " questions train, ", count, " are held out: by hash of the ",
                by_subject ? "subject" : "question");
}

std::vector<QuestionAnswer> trained_half(const std::vector<QuestionAnswer>& questions) {
  std::vector<QuestionAnswer> half;
  std::ranges::copy_if(questions, std::back_inserter(half), [](const auto& q) { return q.half != SetHalf::held_out; });
  return half;
}

}  // namespace unpact
