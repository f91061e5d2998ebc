#include "unpact/model/graph_only.hpp"

#include <utility>

namespace unpact {
namespace {

thread_local bool graph_only = false;

}  // namespace

GraphOnly::GraphOnly() : before_(std::exchange(graph_only, true)) {}
GraphOnly::~GraphOnly() { graph_only = before_; }
bool GraphOnly::active() { return graph_only; }

}  // namespace unpact
