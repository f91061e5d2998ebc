#include "unpact/core/operation_tally.hpp"

#include <atomic>

namespace unpact {
namespace {

std::atomic<double> counted{0};
thread_local bool graph_is_dropped = false;

}  // namespace

void count_operations(double operations) { counted.fetch_add(operations, std::memory_order_relaxed); }

double operations_so_far() { return counted.load(std::memory_order_relaxed); }

DroppedGraph::DroppedGraph() : before_(graph_is_dropped) { graph_is_dropped = true; }

DroppedGraph::~DroppedGraph() { graph_is_dropped = before_; }

bool DroppedGraph::active() { return graph_is_dropped; }

}  // namespace unpact
