#pragma once
#include "unpact/endpoint/endpoint_options.hpp"
#include "http_client.hpp"

namespace unpact {

/// @throws UserError where a variable that the user names holds no key, or what it holds is none.
HttpSettings http_settings(const EndpointAddress& address, const EndpointOptions& options, std::size_t together);

}  // namespace unpact
