#include "bpe_file.hpp"

#include <unordered_set>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxKeys = 4096;        // of one object of the rest, which is searched linearly
constexpr std::size_t kMaxEntries = 1 << 22;  // of a list; ids are smaller than that
constexpr std::size_t kMaxNodes = 1 << 22;    // of the rest

/// Builds the tree of the rest and takes the two large lists aside.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string vocabulary_place, std::string merges_place, const std::string& where)
      : vocabulary_place_(std::move(vocabulary_place)), merges_place_(std::move(merges_place)), where_(where) {}

  TokenizerJson result;

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(std::int64_t v) override { return in_vocabulary() ? piece(v) : value(v); }
  bool number_unsigned(std::uint64_t v) override {
    if (!in_vocabulary()) return value(v);
    return piece(v > INT64_MAX ? -1 : static_cast<std::int64_t>(v));
  }
  bool number_float(double v, const std::string&) override { return value(v); }
  bool binary(Json::binary_t&) override { return false; }
  bool string(std::string& v) override {
    if (in_merges()) {
      add_merge(parse_merge(v, where_));
      return true;
    }
    if (in_merge_pair()) {
      pair_.push_back(v);
      if (pair_.size() > 2) broken("a merge has more than two pieces");
      return true;
    }
    return value(std::move(v));
  }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override {
    if (in_merges()) {
      pair_.clear();
      stack_.push_back({nullptr, "", {}});
      return true;
    }
    return open(Json::array());
  }
  bool end_array() override {
    if (in_merge_pair()) {
      if (pair_.size() != 2) broken("a merge has not two pieces");
      add_merge({pair_[0], pair_[1]});
    }
    return close();
  }
  bool key(std::string& name) override {
    auto& level = stack_.back();
    if (!level.keys.insert(name).second) broken(concat("key '", name, "' appears twice in one object"));
    if (!in_vocabulary() && level.keys.size() > kMaxKeys) broken("an object has too many keys");
    level.key = name;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    broken(error.what());
  }

 private:
  struct Level {
    Json* node;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  [[noreturn]] void broken(const std::string& reason) const {
    throw UserError(concat(where_, " is not a tokenizer's JSON file"), reason, "check that the file is complete");
  }
  /// Where the innermost open list is: the keys that lead to it.
  std::string place() const {
    std::string path;
    for (std::size_t i = 0; i + 1 < stack_.size(); ++i) path += '/' + stack_[i].key;
    return path;
  }
  bool in_vocabulary() const { return in_vocabulary_ == stack_.size() && in_vocabulary_ > 0; }
  bool in_merges() const { return in_merges_ == stack_.size() && in_merges_ > 0; }
  bool in_merge_pair() const { return in_merges_ > 0 && stack_.size() == in_merges_ + 1; }

  bool piece(std::int64_t id) {
    if (result.vocabulary.size() >= kMaxEntries) broken("the vocabulary is too large");
    result.vocabulary.emplace_back(stack_.back().key, id);
    return true;
  }
  void add_merge(std::pair<std::string, std::string> merge) {
    if (result.merges.size() >= kMaxEntries) broken("there are too many merges");
    result.merges.push_back(std::move(merge));
  }
  /// Adds the value where the parser is; returns its place in the tree.
  Json* add(Json&& v) {
    if (in_vocabulary()) broken(concat("the id of piece '", stack_.back().key, "' is no integer"));
    if (in_merges() || in_merge_pair()) broken("a merge is no pair of strings");
    if (++nodes_ > kMaxNodes) broken("it has too many values");
    if (stack_.empty()) return &(result.rest = std::move(v));
    Json& parent = *stack_.back().node;
    if (parent.is_array()) return &parent.emplace_back(std::move(v));
    return &(parent[stack_.back().key] = std::move(v));
  }
  template <class T>
  bool value(T&& v) {
    add(Json(std::forward<T>(v)));
    return true;
  }
  bool open(Json&& empty) {
    if (stack_.size() >= kMaxDepth) broken("it is nested too deeply");
    const bool is_object = empty.is_object();
    stack_.push_back({add(std::move(empty)), "", {}});
    const bool direct = stack_.size() == 1 || stack_[stack_.size() - 2].node->is_object();
    if (!direct || stack_.size() > 3) return true;
    const auto here = place();
    if (is_object && here == vocabulary_place_) in_vocabulary_ = stack_.size();
    if (!is_object && here == merges_place_) in_merges_ = stack_.size();
    return true;
  }
  bool close() {
    if (in_vocabulary_ == stack_.size()) in_vocabulary_ = 0;
    if (in_merges_ == stack_.size()) in_merges_ = 0;
    stack_.pop_back();
    return true;
  }

  const std::string vocabulary_place_, merges_place_;
  const std::string& where_;
  std::vector<Level> stack_;
  std::vector<std::string> pair_;
  std::size_t in_vocabulary_ = 0, in_merges_ = 0, nodes_ = 0;  ///< depth of the list that is open, or 0
};

TokenizerJson parse(std::string_view content, const std::string& vocabulary_place, const std::string& merges_place,
                    const std::string& where) {
  UNPACT_VALIDATE(content.find('\0') == std::string_view::npos, concat(where, " is not a tokenizer's JSON file"),
                  "it holds a NUL byte", "check that this is the right file");
  Builder builder(vocabulary_place, merges_place, where);
  Json::sax_parse(content, &builder);
  UNPACT_VALIDATE(builder.result.rest.is_object(), concat(where, " is not a tokenizer's JSON file"),
                  "it is not a JSON object", "check that this is the right file");
  return std::move(builder.result);
}

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view content, const std::string& where) {
  return parse(content, "/model/vocab", "/model/merges", where);
}

std::vector<std::pair<std::string, TokenId>> parse_vocabulary_json(std::string_view content, const std::string& where) {
  return parse(content, "", "/none", where).vocabulary;
}

std::pair<std::string, std::string> parse_merge(std::string_view line, const std::string& where) {
  const auto space = line.find(' ');
  UNPACT_VALIDATE(space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
                      line.find(' ', space + 1) == std::string_view::npos,
                  concat(where, " is broken"), concat("the merge '", line.substr(0, 100), "' is not two pieces"),
                  "fetch the file again");
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

}  // namespace unpact
