#pragma once

#include <stdexcept>
#include <string>

namespace wengert {

/// What every exception of this library derives from. The message is one line: the operation or file, what was given,
/// what was expected, and what to do. Control characters, as of a name from a file, are shown as \xNN.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
  ~Error() override;  // these are in the library: what throws has no copy of the type
};

/// Shapes that do not fit an operation, or each other.
class ShapeError : public Error {
 public:
  using Error::Error;
  ~ShapeError() override;
};

/// An element type that an operation does not take, or a conversion that would lose something.
class DTypeError : public Error {
 public:
  using Error::Error;
  ~DTypeError() override;
};

/// A value out of its range: an axis, an index, an option, a name that is not known.
class ValueError : public Error {
 public:
  using Error::Error;
  ~ValueError() override;
};

/// A derivative that cannot be given: of an integer, of a tensor that was never watched, from a tape that is closed.
class GradientError : public Error {
 public:
  using Error::Error;
  ~GradientError() override;
};

/// A file that is missing, damaged, or cannot be written. The message begins with its path.
class FileError : public Error {
 public:
  using Error::Error;
  ~FileError() override;
};

}  // namespace wengert
