#include "aligned_text.hpp"

#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

void check_growth(std::size_t bytes, std::size_t most) {
  UNPACT_VALIDATE(bytes <= most, "a text cannot be tokenized",
                  concat("the tokenizer's own rules make it longer than ", most, " bytes"),
                  "use the model's original tokenizer, or split the text");
}

AlignedText AlignedText::slice(const ByteSpan& range) const {
  AlignedText part(view(range), base_ + range.begin);
  if (!origins_.empty())
    part.origins_.assign(origins_.begin() + static_cast<std::ptrdiff_t>(range.begin),
                         origins_.begin() + static_cast<std::ptrdiff_t>(range.end));
  return part;
}

Rewriter::Rewriter(AlignedText& text) : text_(text) {
  const auto all = text.bytes_.empty() ? ByteSpan() : text.original(0, text.bytes_.size());
  most_ = most_bytes(all.end - std::min(all.begin, all.end));
}

void Rewriter::copy_to(std::size_t end) {
  out_.append(text_.bytes_, cursor_, end - cursor_);
  for (; cursor_ < end; ++cursor_) origins_.push_back(text_.original(cursor_, cursor_ + 1));
}

void Rewriter::put(char32_t c, const ByteSpan& origin) {
  append_utf8(out_, c);
  check_growth(out_.size(), most_);
  origins_.resize(out_.size(), origin);
}

void Rewriter::replace(char32_t c, std::size_t more) {
  const std::size_t begin = cursor_;
  cursor_ += code_point_at(text_.bytes_, cursor_).bytes;
  put(c, text_.original(begin, cursor_));
  for (; more > 0; --more) cursor_ += code_point_at(text_.bytes_, cursor_).bytes;
}

ByteSpan Rewriter::before_cursor() const {
  if (cursor_ == 0) return {text_.base_, text_.base_};
  std::size_t begin = cursor_ - 1;
  while (begin > 0 && is_continuation_byte(text_.bytes_[begin])) --begin;
  return text_.original(begin, cursor_);
}

void Rewriter::insert(char32_t c) { put(c, before_cursor()); }

void Rewriter::replace_to(std::size_t end, std::string_view bytes) {
  cursor_ = end;
  check_growth(out_.size() + bytes.size(), most_);
  out_ += bytes;
  origins_.resize(out_.size(), before_cursor());
}

void Rewriter::map_byte(std::string_view bytes) {
  check_growth(out_.size() + bytes.size(), most_);
  out_ += bytes;
  origins_.resize(out_.size(), text_.original(cursor_, cursor_ + 1));
  ++cursor_;
}

void Rewriter::finish() {
  copy_to(text_.bytes_.size());
  text_.bytes_ = std::move(out_);
  text_.origins_ = std::move(origins_);
}

}  // namespace unpact
