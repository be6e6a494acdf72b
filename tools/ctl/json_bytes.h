// Bytes in JSON: as a string where they are UTF-8, else as base64 under NAME_base64.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::ctl {

/// Objects keep the order in which they were made.
using Json = nlohmann::ordered_json;

void PutBytes(Json* object, const std::string& name, std::string_view bytes);
/// What PutBytes put there. kNotFound when neither name is there; else kInvalidArgument with the
/// reason.
Result<std::string> GetBytes(const Json& object, const std::string& name);

}  // namespace ringfort::ctl
