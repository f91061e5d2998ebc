#pragma once
#include "unpact/comm/share_work.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Prompts in an order in which those that begin alike are neighbours, and what each costs there: the tokens that the one
/// before it does not begin with, and those to come.
struct OrderedPrompts {
  std::vector<std::size_t> order;
  std::vector<std::uint64_t> costs;
};

OrderedPrompts order_by_beginning(const std::vector<std::vector<TokenId>>& prompts, std::size_t new_tokens);

/// One result a prompt, in the order of the prompts: each rank answers neighbours of the same cost as those of another.
/// @param compute gets indices of prompts, and must not let a result depend on the prompts beside it. Collective.
template <class Result, class Compute>
std::vector<Result> share_prompts(const Communicator& group, const std::vector<std::vector<TokenId>>& prompts,
                                  std::size_t new_tokens, const Compute& compute) {
  const auto ordered = order_by_beginning(prompts, new_tokens);
  auto found = share_by_cost(group, ordered.costs, [&](std::size_t first, std::size_t last) -> std::vector<Result> {
    return compute(std::vector<std::size_t>(ordered.order.begin() + static_cast<std::ptrdiff_t>(first),
                                            ordered.order.begin() + static_cast<std::ptrdiff_t>(last)));
  });
  std::vector<Result> results(prompts.size());
  for (std::size_t i = 0; i < found.size(); ++i) results[ordered.order[i]] = std::move(found[i]);
  return results;
}

}  // namespace unpact
