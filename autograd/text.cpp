#include <wengert/autograd/text.h>

namespace wengert::detail {

std::string joined(std::span<const std::string> texts, std::string_view separator) {
  std::string all;
  for (const std::string& text : texts) {
    if (&text != texts.data()) all += separator;
    all += text;
  }
  return all;
}

}  // namespace wengert::detail
