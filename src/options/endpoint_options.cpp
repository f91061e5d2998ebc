#include "sections.hpp"
#include "unpact/endpoint/endpoint_options.hpp"

namespace unpact {

void add_endpoint_options(OptionTable& t, Configuration& configuration) {
  auto& e = configuration.endpoint;
  t.push_back({"endpoint.requests", "requests under way at once, over all ranks", &e.requests, kNothing,
               in_range(1, 4096, "use as many as the server works on at once")});
  t.push_back({"endpoint.batch", "sequences of a request", &e.batch, kNothing, positive()});
  t.push_back({"endpoint.batch_tokens", "token ids of a request, unless one sequence has more", &e.batch_tokens, kNothing,
               positive()});
  t.push_back({"endpoint.timeout", "seconds that one attempt may take", &e.timeout, kNothing,
               in_range(0.01, 86400, "use 300, or more for a slow server")});
  t.push_back({"endpoint.retries",
               "further attempts where the endpoint is busy (429, 5xx) or cannot be reached, each after twice the time",
               &e.retries, kNothing, in_range(0, 100, "use 6")});
  t.push_back({"endpoint.noise", "nats by which equal sequences may differ before the log warns", &e.noise, kNothing,
               at_least(0, "a difference is not negative")});
  t.push_back({"endpoint.context",
               "token ids of the longest sequence that the endpoint takes; 0: as it or the local config.json says",
               &e.context, kNothing, at_least(0, "a length is negative")});
  t.push_back({"endpoint.certificates",
               "file of certificates to trust (PEM); empty: the system's",
               &e.certificates,
               kNothing,
               {},
               Role::input_path});
  auto& u = e.unlearned;
  t.push_back({"endpoint.unlearned",
               "ask, evaluate: address of an unlearned model that answers over HTTP; empty: none",
               &u.url,
               kNothing,
               {},
               Role::name});
  t.push_back({"endpoint.unlearned_kind", "what it speaks: vllm, sglang, openai_echo or openai_text", &u.kind, kNothing});
  t.push_back({"endpoint.unlearned_name", "its name there; empty: the only model", &u.name, kNothing, {}, Role::name});
  t.push_back({"endpoint.unlearned_key", "environment variable that may hold a key for it", &u.key_variable, kNothing});
}

}  // namespace unpact
