#include <algorithm>

#include <wengert/autograd/internal/passes.h>

namespace wengert::detail {
namespace {

// Of a block: it stays in the second-level cache, beside what the product reads with it.
constexpr std::size_t most_block_bytes = 256 * 1024;

// The share of a block in the result is written to memory, and read again: so much less than the block.
constexpr std::size_t least_saving = 4;

/// Whether the matrices are cut into several blocks, and those into whole pieces of what the record reduces.
bool fits(const TermKernel& kernel, const GraphRecord& maker, std::size_t size_of_element) {
  const std::int64_t block = kernel.block * kernel.columns, matrix = kernel.rows * kernel.columns;
  const std::size_t bytes = static_cast<std::size_t>(block) * size_of_element;
  if (kernel.block >= kernel.rows || bytes > most_block_bytes || least_saving * kernel.bytes > bytes) return false;
  return block % maker.piece() == 0 && matrix % maker.piece() == 0;
}

/// The product of what a pointwise record makes with other operands, of all records.
class Attaching {
 public:
  explicit Attaching(Graph graph)
      : graph_(std::move(graph)), reads_(count_reads(graph_)), made_by_(find_makers(graph_)) {}

  Graph run() {
    std::vector<bool> is_attached;
    for (const GraphRecord& record : graph_.records) is_attached.push_back(attach(record));
    leave_out(graph_, is_attached);
    return std::move(graph_);
  }

 private:
  bool attach(const GraphRecord& product) {
    if (product.is_pointwise() || product.operation->prepare_terms == nullptr) return false;
    const Use terms = product.inputs.back();
    const auto others = std::span(product.inputs).first(product.inputs.size() - 1);
    GraphRecord* const maker = maker_of(terms);
    if (maker == nullptr || !are_made_before(others, made_by_[terms.value])) return false;
    const auto computed = maker->computed();
    const auto output =
        std::find_if(computed.begin(), computed.end(), [&](const Use& use) { return use.value == terms.value; });
    if (output == computed.end()) return false;
    const auto kernel = product.operation->prepare_terms(types_of(graph_, product.inputs), product.attributes);
    if (!kernel || !fits(*kernel, *maker, size_of(graph_.values[terms.value].dtype))) return false;
    maker->taken =
        std::make_shared<const Taken>(Taken{product.operation, product.attributes,
                                            static_cast<std::size_t>(output - computed.begin()), terms, others.size()});
    maker->inputs.insert(maker->inputs.end(), others.begin(), others.end());
    maker->outputs.push_back(product.outputs[0]);
    made_by_[product.outputs[0].value] = made_by_[terms.value];
    graph_.values[terms.value].source = Source::fleeting;
    return true;
  }

  /// The pointwise record that makes what the product alone reads, and too much for the cache.
  GraphRecord* maker_of(const Use& terms) {
    const GraphValue& value = graph_.values[terms.value];
    const std::size_t number = made_by_[terms.value];
    if (number == no_record || reads_[terms.value] != 1 || value.bytes() < beyond_cache_bytes) return nullptr;
    GraphRecord& maker = graph_.records[number];
    return maker.is_pointwise() && !maker.taken ? &maker : nullptr;
  }

  bool are_made_before(std::span<const Use> uses, std::size_t record) const {
    return std::all_of(uses.begin(), uses.end(), [&](const Use& use) {
      return made_by_[use.value] == no_record || made_by_[use.value] < record;
    });
  }

  Graph graph_;
  std::vector<std::uint32_t> reads_;
  std::vector<std::size_t> made_by_;
};

}  // namespace

Graph attach_products(Graph graph) { return Attaching(std::move(graph)).run(); }

}  // namespace wengert::detail
