#include "unpact/evaluation/attribute_questions.hpp"

#include <cstring>

#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/progress.hpp"

namespace unpact {
namespace {

struct Header {
  std::uint64_t values, standard_errors, log_probabilities;
  double mean_log_probability, completeness_error, surrogate_r2;
  AttributionWork work;
};

std::string encode(const Attribution& a) {
  const Header header{a.values.size(), a.standard_errors.size(), a.log_probabilities.size(), a.mean_log_probability, a.completeness_error,
                      a.surrogate_r2, a.work};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + to_bytes(a.values) + to_bytes(a.standard_errors) +
         to_bytes(a.log_probabilities);
}

Attribution decode(const std::string& bytes) {
  Header header;
  UNPACT_EXPECT(bytes.size() >= sizeof header);
  std::memcpy(&header, bytes.data(), sizeof header);
  UNPACT_EXPECT(bytes.size() == sizeof header + sizeof(float) * (header.values + header.standard_errors + header.log_probabilities));
  std::size_t at = sizeof header;
  const auto take = [&](std::uint64_t count) {
    const auto size = count * sizeof(float);
    at += size;
    return from_bytes<float>(bytes.substr(at - size, size));
  };
  Attribution a;
  a.values = take(header.values);
  a.standard_errors = take(header.standard_errors);
  a.log_probabilities = take(header.log_probabilities);
  a.mean_log_probability = header.mean_log_probability;
  a.completeness_error = header.completeness_error;
  a.surrogate_r2 = header.surrogate_r2;
  a.work = header.work;
  return a;
}

template <class T>
std::vector<T> slice(const std::vector<T>& all, std::size_t first, std::size_t last) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last)};
}

using AnswerSets = std::vector<std::vector<std::vector<TokenId>>>;

std::string encode_all(const std::vector<Attribution>& attributions) {
  std::vector<std::uint64_t> sizes;
  std::string bytes;
  for (const auto& attribution : attributions) {
    const auto encoded = encode(attribution);
    sizes.push_back(encoded.size());
    bytes += encoded;
  }
  return to_bytes(std::vector<std::uint64_t>{sizes.size()}) + to_bytes(sizes) + bytes;
}

std::vector<Attribution> decode_all(const std::string& bytes) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  UNPACT_EXPECT(bytes.size() >= word);
  const auto count = from_bytes<std::uint64_t>(bytes.substr(0, word)).front();
  UNPACT_EXPECT(count <= bytes.size() / word - 1);
  std::size_t at = word * (1 + count);
  std::vector<Attribution> attributions;
  for (const auto size : from_bytes<std::uint64_t>(bytes.substr(word, word * count))) {
    UNPACT_EXPECT(size <= bytes.size() - at);
    attributions.push_back(decode(bytes.substr(at, size)));
    at += size;
  }
  return attributions;
}

/// Leave-one-out deals its work in its own way.
std::vector<std::string> remove_one_by_one(const Communicator& group, const Transformer& model, const LeaveOneOutEngine& engine,
                                           const std::vector<AskedQuestion>& questions, const AnswerSets& answers,
                                           const std::string& label) {
  std::vector<std::string> encoded;
  const auto results = attribute_answer_sets(group, model, engine, questions, answers, label);
  for (std::size_t q = 0; q < results.size(); ++q) {
    std::vector<Attribution> attributions;
    for (std::size_t a = 0; a < results[q].size(); ++a)
      attributions.push_back(answers[q][a].empty() ? Attribution() : attribution_of(results[q][a]));
    encoded.push_back(encode_all(attributions));
  }
  return encoded;
}

std::vector<std::string> deal(const Communicator& group, const Transformer& model, const AttributionMethod& method,
                              const std::vector<AskedQuestion>& questions, const AnswerSets& answers, std::size_t first, std::size_t last,
                              const std::string& label) {
  const auto ranks = static_cast<std::size_t>(group.size()), rank = static_cast<std::size_t>(group.rank());
  Progress progress(label, static_cast<std::int64_t>((last - first + ranks - 1 - rank) / ranks), "prompts");  // this rank's
  return share_work(group, last - first, 1, [&](std::size_t begin, std::size_t end) {
    std::vector<std::string> results;
    for (auto q = first + begin; q < first + end; ++q) {
      std::vector<Attribution> attributions;
      for (const auto& answer : answers[q])
        attributions.push_back(answer.empty() ? Attribution() : method.run(model, task_of(questions[q].prompt, answer), q));
      results.push_back(encode_all(attributions));
      progress.advance();
    }
    return results;
  });
}

}  // namespace

std::vector<std::vector<Attribution>> attribute_answer_sets(const Communicator& group, const Transformer& model,
                                                            const AttributionMethod& method,
                                                            const std::vector<AskedQuestion>& questions,
                                                            const std::vector<std::vector<std::vector<TokenId>>>& answers,
                                                            const std::string& label, const PageOptions& pages) {
  UNPACT_EXPECT(answers.size() == questions.size());
  const auto compute = [&](std::size_t first, std::size_t last) {
    const bool all = last - first == questions.size();
    const auto part = all ? label : concat(label, ", prompts ", first + 1, " to ", last, " of ", questions.size());
    if (const auto* engine = method.engine())
      return remove_one_by_one(group, model, *engine, slice(questions, first, last), slice(answers, first, last), part);
    return deal(group, model, method, questions, answers, first, last, part);
  };
  const auto encoded =
      pages.pages == nullptr ? compute(0, questions.size()) : pages.pages->run(pages.stage, questions.size(), pages.save_every, compute);
  std::vector<std::vector<Attribution>> results;
  for (const auto& bytes : encoded) results.push_back(decode_all(bytes));
  return results;
}

std::vector<Attribution> attribute_questions(const Communicator& group, const Transformer& model, const AttributionMethod& method,
                                             const std::vector<AskedQuestion>& questions, const std::vector<std::vector<TokenId>>& answers,
                                             const std::string& label, const PageOptions& pages) {
  AnswerSets sets;
  for (const auto& answer : answers) sets.push_back({answer});
  std::vector<Attribution> results;
  for (auto& set : attribute_answer_sets(group, model, method, questions, sets, label, pages)) results.push_back(std::move(set.front()));
  return results;
}

}  // namespace unpact
