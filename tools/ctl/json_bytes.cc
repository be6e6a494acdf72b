#include "tools/ctl/json_bytes.h"

#include <optional>

#include "tools/cli/utf8.h"
#include "tools/ctl/bytes_text.h"

namespace ringfort::ctl {

void PutBytes(Json* object, const std::string& name, std::string_view bytes) {
  if (cli::IsUtf8(bytes)) {
    (*object)[name] = std::string(bytes);
  } else {
    (*object)[name + "_base64"] = ToBase64(bytes);
  }
}

Result<std::string> GetBytes(const Json& object, const std::string& name) {
  const auto text = object.find(name);
  const auto base64 = object.find(name + "_base64");
  const auto wrong = [](std::string message) {
    return Status(Code::kInvalidArgument, std::move(message));
  };
  if (text != object.end() && base64 != object.end()) {
    return wrong("has both " + name + " and " + name + "_base64 (keep one)");
  }
  if (text != object.end()) {
    if (!text->is_string()) return wrong(name + " is not a string (put it in quotes)");
    return text->get<std::string>();
  }
  if (base64 == object.end()) {
    return Status(Code::kNotFound, "has no " + name + " (add " + name + " or " + name + "_base64)");
  }
  if (!base64->is_string()) return wrong(name + "_base64 is not a string (put it in quotes)");
  std::optional<std::string> bytes = FromBase64(base64->get_ref<const std::string&>());
  if (!bytes) return wrong(name + "_base64 is not base64 (RFC 4648 section 4, with padding)");
  return *std::move(bytes);
}

}  // namespace ringfort::ctl
