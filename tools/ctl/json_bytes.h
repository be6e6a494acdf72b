// Bytes in JSON: as a string where they are UTF-8, else as base64 under NAME_base64.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::ctl {

/// Objects keep the order in which they were made.
using Json = nlohmann::ordered_json;

/// The one way in which JSON is printed: what a terminal would obey stands as \uXXXX, bytes that
/// are not UTF-8 as U+FFFD. With an indent below 0, on one line.
std::string JsonText(const Json& json, int indent = -1);

void PutBytes(Json* object, const std::string& name, std::string_view bytes);
/// What PutBytes put there. kNotFound when neither name is there; else kInvalidArgument with the
/// reason.
Result<std::string> GetBytes(const Json& object, const std::string& name);

}  // namespace ringfort::ctl
