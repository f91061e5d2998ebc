#pragma once
/// Checked fields of config.json; every refusal names the file and the key.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/core/json.hpp"

namespace unpact {

// Far above every published model; the number of weights still fits an int64 with room to spare.
inline constexpr std::int64_t kLargestSize = 1 << 22, kMostLayers = 1 << 13, kMostPositions = 1 << 28;

bool is_set(const Json& json, const std::string& key);

/// A required integer in 1..largest.
std::int64_t size_field(const Json& json, const std::string& key, const std::string& where,
                        std::int64_t largest = kLargestSize);

/// A finite number that must not be smaller than 0, or not be 0 either.
double number_field(const Json& json, const std::string& key, double fallback, bool zero_allowed, const std::string& where);

/// A required number above 0.
double positive_field(const Json& json, const std::string& key, const std::string& where);

/// An integer or a list of integers; empty when absent or null.
std::vector<std::int64_t> id_list(const Json& json, const std::string& key, const std::string& where);

}  // namespace unpact
