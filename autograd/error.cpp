#include <wengert/autograd/error.h>

namespace wengert {

Error::~Error() = default;
ShapeError::~ShapeError() = default;
DTypeError::~DTypeError() = default;
ValueError::~ValueError() = default;
GradientError::~GradientError() = default;
FileError::~FileError() = default;

}  // namespace wengert
