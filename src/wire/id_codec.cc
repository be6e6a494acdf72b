// The one check that ids of every kind share.
#include "wire/id_codec.h"

namespace ringfort::wire {

Status CheckIdBytes(std::string_view bytes, std::string_view what) {
  if (bytes.empty() || bytes.size() == 16) return Status::Ok();
  return {Code::kInvalidArgument, std::string(what) + " has " + std::to_string(bytes.size()) +
                                      " bytes instead of 16; use programs of one release"};
}

}  // namespace ringfort::wire
