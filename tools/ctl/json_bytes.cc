#include "tools/ctl/json_bytes.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "tools/ctl/bytes_text.h"

namespace ringfort::ctl {
namespace {

/// As \uXXXX. Of a control, which is below U+10000.
std::string EscapedCharacter(std::string_view character) {
  unsigned code = static_cast<unsigned char>(character[0]);
  if (character.size() > 1) code &= character.size() == 2 ? 0x1fU : 0x0fU;
  for (const char byte : character.substr(1)) {
    code = code << 6 | (static_cast<unsigned char>(byte) & 0x3fU);
  }
  char escaped[sizeof("\\u0000")];
  std::snprintf(escaped, sizeof(escaped), "\\u%04x", code & 0xffffU);
  return escaped;
}

}  // namespace

std::string JsonText(const Json& json, int indent) {
  const std::string dumped = json.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string text;
  text.reserve(dumped.size());
  std::string_view left = dumped;
  while (!left.empty()) {
    const auto plain = std::ranges::find_if(
        left, [](char byte) { return static_cast<unsigned char>(byte) >= 0x7f; });
    text.append(left.begin(), plain);
    left.remove_prefix(static_cast<std::size_t>(plain - left.begin()));
    // What is below U+0020 in a string is escaped already.
    const std::string_view character = left.substr(0, Utf8Length(left));
    left.remove_prefix(character.size());
    if (!character.empty()) {
      text += IsControl(character) ? EscapedCharacter(character) : std::string(character);
    }
  }
  return text;
}

void PutBytes(Json* object, const std::string& name, std::string_view bytes) {
  if (IsUtf8(bytes)) {
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
