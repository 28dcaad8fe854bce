#pragma once

#include <span>
#include <string>
#include <vector>

namespace comparison {

/// One of the pictures: columns of history.csv over the epochs.
struct Picture {
  /// Of the file, without its ending: "losses".
  std::string name;
  std::string title;
  /// Of the axis.
  std::string label;
  /// The column that is drawn, and what it is called in the legend: "loss" for relu_loss.
  std::string column;
  /// Drawn dashed in the same colour; may be left out.
  std::string dashed_column = {};
};

/// The names of the curves before "_loss": the activation without its parameters, unless that names two of them.
std::vector<std::string> curve_names(const std::vector<std::string>& activations);

/// What gnuplot is told to write to its standard output: the picture as SVG, then as PNG.
std::string plot_script(const Picture& picture, const std::vector<std::string>& activations);

/// Draws pictures from history.csv in `directory`, all at a time, as PNG and SVG beside it, each whole or not at all.
/// Throws Error where gnuplot is not installed or fails, FileError where a file cannot be written.
void draw(const std::string& directory, std::span<const Picture> pictures, const std::vector<std::string>& activations);

}  // namespace comparison
