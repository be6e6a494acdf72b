// The door to the small file that says who a data directory is.
#pragma once

#include <string_view>

#include "ringfort/status.h"

namespace ringfort::storage {

class IdentityStore {
 public:
  virtual ~IdentityStore() = default;
  /// Replaces the stored identity (a serialized proto::Identity), durably and atomically. Blocks on
  /// the disk; one caller at a time.
  virtual Status Save(std::string_view bytes) = 0;
};

}  // namespace ringfort::storage
