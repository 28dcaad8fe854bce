#include "plot.h"

#include <algorithm>
#include <array>
#include <functional>
#include <future>
#include <variant>

#include "gnuplot.h"
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/training/write_file.h>

namespace comparison {

namespace {

/// Colours that stay apart for every kind of colour vision (Okabe and Ito, "Color Universal Design", 2008), and marks
/// that do so in print.
struct Style {
  const char* colour;
  int mark;
};
constexpr std::array styles{Style{"#0072B2", 7},  Style{"#D55E00", 5}, Style{"#009E73", 9}, Style{"#CC79A7", 13},
                            Style{"#E69F00", 11}, Style{"#56B4E9", 6}, Style{"#000000", 4}};

std::string base_of(const std::string& activation) { return activation.substr(0, activation.find(':')); }

/// With its parameters, the usual ones too: "leaky_relu:0.01".
std::string with_parameters(const std::string& activation) {
  const wengert::Operation* operation = wengert::find_operation(activation);
  if (operation == nullptr) return activation;  // it has them already
  std::string name = activation;
  for (const auto& attribute : operation->attributes) {
    if (const double* value = std::get_if<double>(&attribute.value)) {
      name += fmt::format("{}{}", name == activation ? ':' : ',', *value);
    }
  }
  return name;
}

/// As gnuplot reads it between single quotes.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result.append(c == '\'' ? 2 : 1, c);
  return result + "'";
}

/// One curve for every activation.
std::vector<std::string> curves(const std::string& column, const std::vector<std::string>& activations,
                                const std::string& look) {
  const std::vector<std::string> names = curve_names(activations);
  std::vector<std::string> curves;
  for (std::size_t i = 0; i < activations.size(); ++i) {
    const Style& style = styles[i % styles.size()];
    curves.push_back(fmt::format(
        "'history.csv' using (strcol('activation') eq {} ? column('epoch') : NaN):(column('{}')) with linespoints {} "
        "linecolor rgb '{}' pointtype {} title {}",
        quoted(activations[i]), column, look, style.colour, style.mark, quoted(names[i] + '_' + column)));
  }
  return curves;
}

}  // namespace

std::vector<std::string> curve_names(const std::vector<std::string>& activations) {
  std::vector<std::string> names;
  for (const std::string& activation : activations) {
    const auto same_base = [&](const std::string& other) { return base_of(other) == base_of(activation); };
    const bool alone = std::count_if(activations.begin(), activations.end(), same_base) == 1;
    names.push_back(alone ? base_of(activation) : with_parameters(activation));
  }
  return names;
}

std::string plot_script(const Picture& picture, const std::vector<std::string>& activations) {
  std::vector<std::string> all = curves(picture.column, activations, "linewidth 2.5 pointsize 1.3");
  if (!picture.dashed_column.empty()) {
    const auto dashed = curves(picture.dashed_column, activations, "linewidth 1.5 pointsize 0.9 dashtype (12,6)");
    all.insert(all.end(), dashed.begin(), dashed.end());
  }
  return fmt::format(R"(look = "noenhanced size 1200,720 font 'Sans,15' background '#ffffff'"
set terminal svg @look
set datafile separator ','
set datafile columnheaders
set title {title} font 'Sans,17'
set xlabel 'epoch'
set ylabel '{label}'
set border 3 linecolor rgb '#808080'
set tics nomirror scale 0.5 textcolor rgb '#202020'
set grid ytics linetype 1 linewidth 1 linecolor rgb '#e0e0e0'
set format y '%g'
set key {key} reverse Left samplen 3 spacing 1.3
stats 'history.csv' using 'epoch' nooutput
set xrange [STATS_min - 0.2 : STATS_max + 0.2]
set xtics 1, (STATS_max <= 20 ? 1 : ceil(STATS_max / 10.0))
plot {curves}
set terminal pngcairo @look
replot
)",
                     fmt::arg("title", quoted(picture.title)), fmt::arg("label", picture.label),
                     fmt::arg("key", all.size() > activations.size() ? "outside right center" : "top right"),
                     fmt::arg("curves", fmt::join(all, ", \\\n     ")));
}

void draw(const std::string& directory, std::span<const Picture> pictures,
          const std::vector<std::string>& activations) {
  const auto draw_one = [&](const Picture& picture) {
    const std::string images = run_gnuplot(directory, plot_script(picture, activations));
    const std::size_t png = images.find("\x89PNG");  // a PNG begins so, and no character of UTF-8
    if (png == std::string::npos) throw wengert::Error("gnuplot: wrote no PNG");
    const std::string path = fmt::format("{}/{}", directory, picture.name);
    wengert::training::write_file_atomically(path + ".svg", images.substr(0, png));
    wengert::training::write_file_atomically(path + ".png", images.substr(png));
  };
  std::vector<std::future<void>> drawn;
  for (const Picture& picture : pictures) drawn.push_back(std::async(std::launch::async, draw_one, std::cref(picture)));
  for (std::future<void>& picture : drawn) picture.get();
}

}  // namespace comparison
