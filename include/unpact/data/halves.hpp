#pragma once
/// Questions that a loss may train on and questions that none sees: what a training destroys shows on the latter alone.
#include <cstddef>
#include <string>
#include <vector>

#include "unpact/data/dataset.hpp"

namespace unpact {

/// Questions of one author that stand together in TOFU's files.
inline constexpr std::size_t kQuestionsOfTofuAuthor = 20;

/// Sets each question's `half`. By the order of the SHA-256 of their subjects, where every question has one and there are
/// several, else of their texts, questions are held out until `held_out` of them are, at least one subject or text staying
/// on either side: the same questions whatever the seed, the limit and the order of the file. @param held_out share in [0,
/// 1); 0: no halves.
/// @param run where no question has a subject, that many in a row share one (TOFU: 20 an author), if that goes up; 0: they
/// do not.
/// @return what was done, for people: "72 questions train, 57 are held out: by hash of the question", or why there are no
/// halves.
std::string make_halves(std::vector<QuestionAnswer>& questions, double held_out, std::size_t run = 0);

/// The questions that an unlearning may train on: all but those that are held out.
std::vector<QuestionAnswer> trained_half(const std::vector<QuestionAnswer>& questions);

}  // namespace unpact
