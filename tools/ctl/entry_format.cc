#include "tools/ctl/entry_format.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/ctl/json_bytes.h"

namespace ringfort::ctl {
namespace {

Status Wrong(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

std::vector<std::string_view> SplitTabs(std::string_view line) {
  std::vector<std::string_view> columns;
  while (true) {
    const std::size_t tab = line.find('\t');
    columns.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    line.remove_prefix(tab + 1);
  }
}

std::optional<std::string> Unescaped(std::string_view column) {
  std::string bytes;
  bytes.reserve(column.size());
  while (true) {
    const std::size_t backslash = column.find('\\');
    bytes += column.substr(0, backslash);
    if (backslash == std::string_view::npos) return bytes;
    column.remove_prefix(backslash + 1);
    if (column.empty()) return std::nullopt;
    switch (column.front()) {
      case 't': bytes += '\t'; break;
      case 'n': bytes += '\n'; break;
      case 'r': bytes += '\r'; break;
      case '\\': bytes += '\\'; break;
      default: return std::nullopt;
    }
    column.remove_prefix(1);
  }
}

Result<Entry> ParseTsv(EntryFormat format, std::string_view line) {
  const std::vector<std::string_view> columns = SplitTabs(line);
  const bool any = format == EntryFormat::kTsv;
  const std::size_t wanted = any ? std::clamp<std::size_t>(columns.size(), 2, 3)
                             : format == EntryFormat::kTsvKeySortKeyValue ? 3
                                                                          : 2;
  if (columns.size() != wanted) {
    return Wrong("has " + std::to_string(columns.size()) + " columns, not " +
                 (any ? "2 or 3" : std::to_string(wanted)) +
                 " (columns are apart by tabs, a tab inside one is written \\t; see --columns)");
  }
  std::array<std::string, 3> bytes;
  for (std::size_t i = 0; i < wanted; ++i) {
    std::optional<std::string> column = Unescaped(columns[i]);
    if (!column) {
      return Wrong(
          "column " + std::to_string(i + 1) +
          " has a backslash that is not \\t, \\n, \\r or \\\\ (write a backslash as \\\\)");
    }
    bytes[i] = *std::move(column);
  }
  if (wanted == 2) return Entry{Key(std::move(bytes[0])), std::move(bytes[1])};
  return Entry{Key(std::move(bytes[0]), std::move(bytes[1])), std::move(bytes[2])};
}

/// kInvalidArgument, too, where one object has a field twice: which of the two is meant?
Result<Json> ParseJson(std::string_view line) {
  std::set<std::string> names;
  bool twice = false;
  const auto see = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1) {
      twice = !names.insert(parsed.get<std::string>()).second || twice;
    }
    return true;
  };
  try {
    Json json = Json::parse(line, see);
    if (twice) return Wrong("has a field twice (keep one of them)");
    return json;
  } catch (const Json::out_of_range&) {
    return Wrong("has a number that is out of range (key, sort_key and value are strings)");
  } catch (const Json::parse_error& error) {
    // Its text repeats the input, which is the user's.
    return Wrong("is not JSON from byte " + std::to_string(error.byte) +
                 " on (one object a line; text is UTF-8, other bytes go under _base64)");
  }
}

Result<Entry> ParseJsonLine(std::string_view line) {
  Result<Json> object = ParseJson(line);
  if (!object.ok()) return object.status();
  if (!object->is_object())
    return Wrong("is not a JSON object (write {\"key\": ..., \"value\": ...})");
  constexpr std::array<std::string_view, 6> kNames = {
      "key", "sort_key", "value", "key_base64", "sort_key_base64", "value_base64"};
  for (const auto& [name, unused] : object->items()) {
    if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
      return Wrong(
          "has a field that is not key, sort_key, value or one of these with _base64"
          " (take it out)");
    }
  }
  Result<std::string> key = GetBytes(*object, "key");
  if (!key.ok()) return Wrong(key.status().message());
  Result<std::string> sort_key = GetBytes(*object, "sort_key");
  if (!sort_key.ok() && sort_key.status().code() != Code::kNotFound) return sort_key.status();
  Result<std::string> value = GetBytes(*object, "value");
  if (!value.ok()) return Wrong(value.status().message());
  return Entry{Key(std::move(key).value(), sort_key.ok() ? std::move(sort_key).value() : ""),
               std::move(value).value()};
}

}  // namespace

void AppendEscaped(std::string_view bytes, std::string* out) {
  while (true) {
    const std::size_t special = bytes.find_first_of("\t\n\r\\");
    *out += bytes.substr(0, special);
    if (special == std::string_view::npos) return;
    *out += '\\';
    switch (bytes[special]) {
      case '\t': *out += 't'; break;
      case '\n': *out += 'n'; break;
      case '\r': *out += 'r'; break;
      default: *out += '\\';
    }
    bytes.remove_prefix(special + 1);
  }
}

Result<Entry> ParseLine(EntryFormat format, std::string_view line) {
  if (format == EntryFormat::kJsonLines) return ParseJsonLine(line);
  return ParseTsv(format, line);
}

Status AppendLine(EntryFormat format, const Entry& entry, std::string* out) {
  if (format == EntryFormat::kJsonLines) {
    Json object = Json::object();
    PutBytes(&object, "key", entry.key.shard_key);
    if (!entry.key.sort_key.empty()) PutBytes(&object, "sort_key", entry.key.sort_key);
    PutBytes(&object, "value", entry.value);
    *out += JsonText(object);
    *out += '\n';
    return Status::Ok();
  }
  if (format == EntryFormat::kTsvKeyValue && !entry.key.sort_key.empty()) {
    return Wrong(
        "there are entries with a sort key, for which --columns=key,value has no place"
        " (leave out --columns, or take --format=jsonl)");
  }
  AppendEscaped(entry.key.shard_key, out);
  if (format == EntryFormat::kTsvKeySortKeyValue || !entry.key.sort_key.empty()) {
    *out += '\t';
    AppendEscaped(entry.key.sort_key, out);
  }
  *out += '\t';
  AppendEscaped(entry.value, out);
  *out += '\n';
  return Status::Ok();
}

}  // namespace ringfort::ctl
