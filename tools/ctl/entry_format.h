// How entries are written for import and export, one a line.
//
//   tsv    columns apart by tabs: key,value or key,sort_key,value. Inside a column, a tab is
//          written \t, a line feed \n, a carriage return \r, a backslash \\; every other byte
//          stands for itself.
//   jsonl  {"key": "user:7", "sort_key": "name", "value": "Ada"}; no sort_key stands for an empty
//   one.
//          What is not UTF-8 stands as base64 under key_base64, sort_key_base64, value_base64.
//
// Lines end with a line feed, or with a carriage return and a line feed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ringfort/client.h"
#include "ringfort/status.h"

namespace ringfort::ctl {

struct Entry {
  Key key;
  std::string value;
};

enum class EntryFormat : std::uint8_t {
  kTsv,  ///< Two columns, or three where there is a sort key.
  kTsvKeyValue,
  kTsvKeySortKeyValue,
  kJsonLines,
};

/// Longer lines cannot be an entry: of its bytes, JSON may write each as six.
inline constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;

/// The entry of a line without its line feed. An error is kInvalidArgument; its message says what
/// is wrong and what to do, without any of the line's bytes. Limits of keys and values are not
/// looked at.
Result<Entry> ParseLine(EntryFormat format, std::string_view line);

/// The line of an entry, with its line feed, appended to `out`. kInvalidArgument when the format
/// has no place for the entry's sort key.
Status AppendLine(EntryFormat format, const Entry& entry, std::string* out);

/// One column of a tsv line.
void AppendEscaped(std::string_view bytes, std::string* out);

}  // namespace ringfort::ctl
