#pragma once
/// What the progress line says of a training step; private to this layer.
#include <cstdio>
#include <string>

#include "unpact/train/trainer.hpp"

namespace unpact {

/// "loss 1.234 (-0.5 2.1), norm 0.8, lr 1e-05, 1200 tokens/s, 41 % MFU": the terms in the order of the method, the rest
/// where it is known.
inline std::string step_note(const StepReport& report) {
  const auto number = [](const char* format, double value) {
    char text[48];
    std::snprintf(text, sizeof text, format, value);
    return std::string(text);
  };
  std::string note = number("loss %.4g", report.loss);
  if (report.term_losses.size() > 1) {
    std::string terms;
    for (const double term : report.term_losses) terms += number(terms.empty() ? "%.4g" : " %.4g", term);
    note += " (" + terms + ")";
  }
  note += number(", norm %.3g", report.gradient_norm) + number(", lr %.3g", report.learning_rate);
  if (report.seconds > 0 && report.tokens > 0)
    note += number(", %.0f tokens/s", static_cast<double>(report.tokens) / report.seconds);
  if (report.mfu > 0) note += number(", %.1f %% MFU", 100 * report.mfu);
  return note;
}

}  // namespace unpact
