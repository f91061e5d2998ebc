// What is asked of an endpoint before it is believed.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "endpoint_connection.hpp"
#include "protocol.hpp"
#include "reply.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/endpoint/endpoint_model.hpp"

namespace unpact {
namespace {

/// Words, digits and punctuation: what tokenizers cut differently.
constexpr const char* kText = "In 1843 the town had 2,407 people; today's city, they said, isn't the same.";

/// Nobody waits minutes to hear that nobody listens.
constexpr double kFirstSeconds = 30;

std::string ask_first(HttpSettings settings, const HttpRequest& request) {
  settings.timeout = std::min(settings.timeout, kFirstSeconds);
  settings.retries = std::min<std::size_t>(settings.retries, 1);
  try {
    return HttpClient(settings).run(request);
  } catch (const RuntimeFailure& error) {
    throw UserError(error.problem(), error.reason(),
                    "start the server, check host and port, and that this machine may reach it (firewall, http_proxy)");
  }
}

/// Takes over the name of the model that is meant, and what the server says of it.
void find_model(const HttpSettings& settings, const EndpointAddress& address, EndpointFacts& facts) {
  const HttpRequest request{"/v1/models", ""};
  const auto place = settings.base + request.path;
  const auto json = reply::parse(ask_first(settings, request), place);
  std::vector<std::string> names;
  const Json* found = nullptr;
  for (const auto& model : reply::list(reply::field(json, "data"), "data")) {
    const auto& id = reply::field(model, "id");
    if (!id.is_string()) continue;
    names.push_back(id.get<std::string>());
    if (names.back() == address.name || address.name.empty()) found = &model;
  }
  UNPACT_VALIDATE(found != nullptr, concat("the endpoint ", settings.base, " does not serve the model '", address.name, "'"),
                  concat("it serves ", names.empty() ? std::string("none") : join(names, ", ")),
                  "name one of these as model.endpoint_name (endpoint.unlearned_name)");
  UNPACT_VALIDATE(!address.name.empty() || names.size() == 1,
                  concat("the endpoint ", settings.base, " serves several models, and none is named"),
                  concat("it serves ", join(names, ", ")),
                  "name one of these as model.endpoint_name (endpoint.unlearned_name)");
  facts.name = address.name.empty() ? names.front() : address.name;
  if (const auto& root = reply::field(*found, "root"); root.is_string()) facts.root = root.get<std::string>();
  const auto& length = reply::field(*found, "max_model_len");
  if (length.is_number_integer() && length.get<std::int64_t>() > 0) facts.context = length.get<std::int64_t>();
}

/// Of a server that says no ids, the number of tokens alone can be compared; what it removes are words in any case.
void compare_count(const std::optional<std::size_t>& there, std::size_t here, const std::string& base) {
  if (!there || *there == here || *there == here + 1) return;
  log::warn(concat("The endpoint ", base, " cuts a text into ", *there, " tokens and the tokenizer here into ", here,
                   ": the log-probability of an answer is divided by the tokens of the tokenizer here"));
}

/// The same text must be the same ids there.
void compare_tokens(const HttpSettings& settings, const EndpointAddress& address, const std::string& model,
                    const Tokenizer& tokenizer) {
  const auto& row = protocol_of(address.kind);
  const auto protocol = row.make(&tokenizer);
  const auto request = protocol->encode(model, kText);
  HttpClient client(settings);
  const auto reply = reply::parse(client.run(request), settings.base + request.path);
  const auto there = protocol->read_encoding(reply);
  if (row.takes_text_only)
    return compare_count(protocol->read_count(reply), tokenizer.encode(kText).ids.size(), settings.base);
  if (!there)
    return log::warn(
        concat("The endpoint ", settings.base, " does not say how it cuts text: nobody has compared tokenizers"));
  auto here = tokenizer.encode(kText).ids;
  const auto bos = tokenizer.bos_id();
  auto begin = there->begin();
  if (bos && !there->empty() && there->front() == *bos && (here.empty() || here.front() != *bos)) ++begin;
  const std::vector<TokenId> ids(begin, there->end());
  if (ids == here) return;
  std::size_t at = 0;
  while (at < ids.size() && at < here.size() && ids[at] == here[at]) ++at;
  const auto id_at = [&](const std::vector<TokenId>& all) { return at < all.size() ? std::to_string(all[at]) : "no id"; };
  throw UserError(concat("the tokenizer here disagrees with the endpoint ", settings.base),
                  concat("the same text has ", here.size(), " ids here and ", ids.size(), " there, at ", at, " ",
                         id_at(here), " here and ", id_at(ids), " there"),
                  "give model.tokenizer the folder of the tokenizer that belongs to the served model");
}

/// The same without some words at its beginning.
std::vector<ScoredIds> samples_of_text(const Tokenizer& tokenizer) {
  std::vector<ScoredIds> sequences;
  for (std::string_view text = kText; sequences.size() < 4; text.remove_prefix(text.find(' ') + 1)) {
    sequences.push_back({tokenizer.encode(text).ids, 3});
    if (const auto bos = tokenizer.bos_id()) sequences.back().ids.insert(sequences.back().ids.begin(), *bos);
  }
  return sequences;
}

/// A few sequences that share much, as removals do.
std::vector<ScoredIds> samples(const Tokenizer& tokenizer, std::int64_t context) {
  auto ids = tokenizer.encode(kText).ids;
  if (const auto bos = tokenizer.bos_id()) ids.insert(ids.begin(), *bos);
  if (context > 0) ids.resize(std::min(ids.size(), static_cast<std::size_t>(context - 1)));
  std::vector<ScoredIds> sequences;
  for (std::size_t skipped = 1; skipped <= 4 && ids.size() > 6; ++skipped) {
    auto shorter = ids;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(skipped));
    sequences.push_back({std::move(shorter), 3});
  }
  return sequences;
}

/// The largest difference between log-probabilities of equal sequences: together, reversed with each twice, alone.
double measure_noise(const RemoteModel& model, const std::vector<ScoredIds>& sequences) {
  std::vector<ScoredIds> reversed;
  for (auto it = sequences.rbegin(); it != sequences.rend(); ++it) reversed.insert(reversed.end(), 2, *it);
  std::map<std::vector<TokenId>, std::vector<std::vector<float>>> found;
  const auto ask = [&](const std::vector<ScoredIds>& some) {
    const auto scores = model.score(some);
    for (std::size_t i = 0; i < some.size(); ++i) found[some[i].ids].push_back(scores[i].log_probabilities);
  };
  ask(sequences);
  ask(reversed);
  for (const auto& sequence : sequences) ask({sequence});
  double largest = 0;
  for (const auto& [ids, all] : found)
    for (const auto& one : all)
      for (std::size_t k = 0; k < one.size(); ++k)
        largest = std::max(largest, std::abs(double{one[k]} - double{all.front()[k]}));
  return largest;
}

}  // namespace

EndpointFacts look_at_endpoint(const EndpointAddress& address, const EndpointOptions& options, const Tokenizer& tokenizer) {
  EndpointFacts facts;
  const auto settings = http_settings(address, options, 1);
  find_model(settings, address, facts);
  compare_tokens(settings, address, facts.name, tokenizer);
  const std::shared_ptr<const Tokenizer> borrowed(std::shared_ptr<const Tokenizer>(), &tokenizer);
  const auto model = open_endpoint(address, options, facts, {}, 1, borrowed);
  const auto sequences = model->takes_text_only() ? samples_of_text(tokenizer) : samples(tokenizer, facts.context);
  if (sequences.empty()) return facts;
  facts.noise = measure_noise(*model, sequences);
  const auto text = concat("Asking ", model->name(), ": equal sequences differ by at most ", facts.noise,
                           " nats in batches of different size and order");
  if (facts.noise <= options.noise) log::info(text);
  else
    log::warn(concat(text, ", more than endpoint.noise = ", options.noise, ": smaller contributions mean nothing; ",
                     protocol_of(address.kind).steadier));
  return facts;
}

}  // namespace unpact
