#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>

namespace wengert::detail {
namespace {

// A sum of fewer products is not worth what it takes from the formula that reads it.
constexpr std::size_t fewest_products = 3;
// How many are gathered: so many that what they read, and what keeps it alive, stays in the second-level cache. More
// where the sum itself is larger, as each section of it reads that once more.
constexpr std::size_t most_products = 128;
constexpr std::size_t most_bytes = 512 * 1024;

/// A sum of products of one type, in the order of its additions.
struct Chain {
  const Operation* sum = nullptr;
  std::vector<std::size_t> products = {}, additions = {};  // records
  std::optional<Use> before = {};                          // what they are added to
};

class Gathering {
 public:
  explicit Gathering(Graph graph)
      : graph_(std::move(graph)),
        reads_(count_reads(graph_)),
        made_by_(graph_.values.size(), no_record),
        chain_of_(graph_.values.size(), no_record),
        summed_by_(graph_.records.size(), nullptr) {}

  Graph run() {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) look_at(r);
    std::vector<bool> is_gathered(graph_.records.size(), false);
    for (const Chain& chain : chains_) {
      if (chain.products.size() >= fewest_products) gather(chain, is_gathered);
    }
    leave_out(graph_, is_gathered);
    return std::move(graph_);
  }

 private:
  void look_at(std::size_t r) {
    const GraphRecord& record = graph_.records[r];
    if (record.is_pointwise()) {
      if (is_addition(graph_, record)) add(r);
    } else if (record.operation->summed_by != nullptr && reads_[record.outputs[0].value] == 1) {
      summed_by_[r] = record.operation->summed_by(types_of(graph_, record.inputs), record.attributes);
      if (summed_by_[r] != nullptr) made_by_[record.outputs[0].value] = r;
    }
  }

  bool are_alike(std::size_t product, std::size_t other) const {
    const GraphRecord &a = graph_.records[product], &b = graph_.records[other];
    return summed_by_[product] == summed_by_[other] && same_attributes(a.attributes, b.attributes) &&
           std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(),
                      [](const Use& x, const Use& y) { return x.shape == y.shape; });
  }

  /// The product that makes an operand.
  std::size_t product_of(const Use& use) const {
    const std::size_t maker = made_by_[use.value];
    return maker != no_record && graph_.records[maker].outputs[0].shape == use.shape ? maker : no_record;
  }

  void add(std::size_t r) {
    const GraphRecord& addition = graph_.records[r];
    std::array<Use, 2> uses{addition.inputs[0], addition.inputs[1]};
    if (product_of(uses[1]) == no_record) std::swap(uses[0], uses[1]);
    const std::size_t product = product_of(uses[1]);
    if (product == no_record) return;
    std::size_t chain = chain_of_[uses[0].value];
    if (chain == no_record || !are_alike(chains_[chain].products[0], product)) {
      chain = chains_.size();
      chains_.push_back({summed_by_[product]});
      const std::size_t first = product_of(uses[0]);
      if (first != no_record && are_alike(first, product)) {
        chains_[chain].products.push_back(first);
      } else {
        chains_[chain].before = uses[0];
      }
    }
    chains_[chain].products.push_back(product);
    chains_[chain].additions.push_back(r);
    const std::uint32_t sum = addition.outputs[0].value;
    if (reads_[sum] == 1) chain_of_[sum] = chain;
  }

  std::size_t section_of(const Chain& chain) const {
    const GraphRecord& product = graph_.records[chain.products[0]];
    std::size_t bytes = 0;
    for (const Use& use : product.inputs) bytes += graph_.values[use.value].bytes();
    const std::size_t most = std::max(most_bytes, 4 * graph_.values[product.outputs[0].value].bytes());
    return std::clamp(most / std::max<std::size_t>(bytes, 1), fewest_products, most_products);
  }

  /// A record for each section, in the place of its last addition.
  void gather(const Chain& chain, std::vector<bool>& is_gathered) {
    for (const std::size_t product : chain.products) is_gathered[product] = true;
    for (const std::size_t addition : chain.additions) is_gathered[addition] = true;
    const std::size_t count = chain.products.size(), most = section_of(chain), sections = (count + most - 1) / most;
    const std::size_t without_own = count - chain.additions.size();  // products that no addition has on its right
    std::optional<Use> before = chain.before;
    for (std::size_t section = 0; section < sections; ++section) {
      const std::size_t begin = count * section / sections, end = count * (section + 1) / sections;
      const std::size_t last = chain.additions[end - 1 - without_own];
      std::vector<Use> operands;
      for (std::size_t i = begin; i < end; ++i) {
        const std::vector<Use>& own = graph_.records[chain.products[i]].inputs;
        operands.insert(operands.end(), own.begin(), own.end());
      }
      if (before) operands.push_back(*before);
      GraphRecord& record = graph_.records[last];
      record.operation = chain.sum;
      record.attributes = graph_.records[chain.products[0]].attributes;
      record.inputs = std::move(operands);
      before = record.outputs[0];
      is_gathered[last] = false;
    }
  }

  Graph graph_;
  std::vector<std::uint32_t> reads_;
  std::vector<std::size_t> made_by_;   // of values that are products to be added up
  std::vector<std::size_t> chain_of_;  // of values that are sums of such, read once
  std::vector<const Operation*> summed_by_;
  std::vector<Chain> chains_;
};

}  // namespace

Graph gather_products(Graph graph) { return Gathering(std::move(graph)).run(); }

}  // namespace wengert::detail
